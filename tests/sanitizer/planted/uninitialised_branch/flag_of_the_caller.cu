// A flag array that the host forgot to clear decides a branch.
//: kernel visit
//: launch grid=1 block=32
//: array seen int32 32 empty
//: array y int32 32 zeros
//: fault uninitialised_branch
extern "C" __global__ void visit(int *seen, int *y) {
  int t = threadIdx.x;
#ifdef FIXED
  seen[t] = 0;
#endif
  if (seen[t] == 0) atomicAdd(y + t, t);  // <- bug
}
