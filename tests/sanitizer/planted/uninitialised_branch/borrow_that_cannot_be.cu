// A borrow is decided by the known upper byte of one operand; the buggy text compares with a number it may be.
//: kernel borrows
//: launch grid=1 block=32
//: array y int32 32 zeros
//: fault uninitialised_branch
extern "C" __global__ void borrows(int *y) {
  __shared__ unsigned low[32];
  int t = threadIdx.x;
  unsigned a, b, v = low[t] & 0xffff;
#ifdef FIXED
  asm volatile("sub.cc.u32 %0, %2, 0x10000; subc.u32 %1, 0, 0;" : "=r"(a), "=r"(b) : "r"(v));
#else
  asm volatile("sub.cc.u32 %0, %2, 0x1000; subc.u32 %1, 0, 0;" : "=r"(a), "=r"(b) : "r"(v));
#endif
  if (b) atomicAdd(y + t, 1);  // <- bug
}
