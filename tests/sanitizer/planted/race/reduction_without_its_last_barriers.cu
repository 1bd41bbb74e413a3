// A tree reduction of a block leaves out the barrier once two warps are left.
//: kernel total
//: launch grid=1 block=256
//: array x int32 256 range
//: array y int32 1 empty
//: fault race
//: order
extern "C" __global__ void total(const int *x, int *y) {
  __shared__ int tile[256];
  int t = threadIdx.x;
  tile[t] = x[t];
  __syncthreads();
#pragma unroll 1
  for (int step = 128; step > 0; step /= 2) {
    if (t < step) tile[t] += tile[t + step];  // <- bug
#ifdef FIXED
    __syncthreads();
#else
    if (step > 64) __syncthreads();
#endif
  }
  if (t == 0) y[0] = tile[0];
}
