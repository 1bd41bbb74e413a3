// A function gets a pointer into shared memory and one count too many, and runs into the caller's other array.
//: kernel sums
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault out_of_bounds
__device__ __noinline__ int sum(const int *values, int count) {
  int total = 0;
#pragma unroll 1
  for (int k = 0; k < count; ++k) total += values[k];  // <- bug
  return total;
}
extern "C" __global__ void sums(const int *x, int *y) {
  __shared__ int left[32];
  __shared__ int right[32];
  int t = threadIdx.x;
  left[t] = x[t];
  right[t] = 2 * x[t];
  __syncthreads();
#ifdef FIXED
  const int count = 32;
#else
  const int count = 33;
#endif
  y[t] = sum(t < 16 ? left : right, count) + right[t];
}
