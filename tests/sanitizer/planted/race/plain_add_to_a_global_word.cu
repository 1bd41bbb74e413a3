// The blocks add their sums to one word of global memory without an atomic.
//: kernel count
//: launch grid=8 block=32
//: array y int32 1 zeros
//: fault race
extern "C" __global__ void count(int *y) {
  if (threadIdx.x != 0) return;
#ifdef FIXED
  atomicAdd(y, blockIdx.x);
#else
  *y += blockIdx.x;  // <- bug
#endif
}
