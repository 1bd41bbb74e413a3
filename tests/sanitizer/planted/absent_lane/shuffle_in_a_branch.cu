// A full-mask shuffle stands in a branch that half of the warp takes; the other half has a barrier ahead.
//: kernel neighbour
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 zeros
//: fault absent_lane
extern "C" __global__ void neighbour(const int *x, int *y) {
  int t = threadIdx.x;
  int value = x[t];
#ifdef FIXED
  int other = __shfl_down_sync(0xffffffffu, value, 1);
  if (t < 16) y[t] = other;
#else
  if (t < 16) y[t] = __shfl_down_sync(0xffffffffu, value, 1);  // <- bug
#endif
  __syncthreads();
  if (t == 0) y[31] = y[15];
}
