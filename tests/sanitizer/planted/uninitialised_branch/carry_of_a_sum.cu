// The upper half of a sum takes a carry from a lower half that nobody wrote.
//: kernel sums
//: launch grid=1 block=32
//: array y int32 32 zeros
//: fault uninitialised_branch
extern "C" __global__ void sums(int *y) {
  __shared__ unsigned low[32];
  int t = threadIdx.x;
#ifdef FIXED
  low[t] = t;
#endif
  unsigned a, b;
  asm volatile("add.cc.u32 %0, %2, 0x80000000; addc.u32 %1, 0, 0;" : "=r"(a), "=r"(b) : "r"(low[t]));
  if (b) atomicAdd(y + t, 1);  // <- bug
}
