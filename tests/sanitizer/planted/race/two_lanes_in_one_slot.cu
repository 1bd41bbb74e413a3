// One instruction stores the values of two lanes into one slot.
//: kernel pack
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 16 zeros
//: fault race
extern "C" __global__ void pack(const int *x, int *y) {
  __shared__ int slot[16];
  int t = threadIdx.x;
  if (t < 16) slot[t] = 0;
  __syncthreads();
#ifdef FIXED
  atomicMax(slot + t / 2, x[t]);
#else
  slot[t / 2] = x[t];  // <- bug
#endif
  __syncthreads();
  if (t < 16) y[t] = slot[t];
}
