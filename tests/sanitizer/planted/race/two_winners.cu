// Every thread that finds the key stores where, without agreeing on which of them may.
//: kernel find
//: launch grid=1 block=128
//: array x int32 128 0,1,2,3
//: array where int32 1 zeros
//: fault race
//: order
extern "C" __global__ void find(const int *x, int *where) {
  int t = threadIdx.x;
  if (x[t] != 2) return;
#ifdef FIXED
  atomicMax(where, t);
#else
  *where = t;  // <- bug
#endif
}
