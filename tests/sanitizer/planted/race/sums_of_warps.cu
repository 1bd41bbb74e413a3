// The first warp adds up the sums of the others without a barrier behind them.
//: kernel total
//: launch grid=1 block=128
//: array x int32 128 range
//: array y int32 1 empty
//: fault race
extern "C" __global__ void total(const int *x, int *y) {
  __shared__ int sums[4];
  int t = threadIdx.x, sum = x[t];
  for (int step = 16; step > 0; step /= 2) sum += __shfl_down_sync(0xffffffff, sum, step);
  if (t % 32 == 0) sums[t / 32] = sum;  // <- bug
#ifdef FIXED
  __syncthreads();
#endif
  if (t == 0) y[0] = sums[0] + sums[1] + sums[2] + sums[3];  // <- bug
}
