// The guard lets through the index n itself.
//: kernel square
//: launch grid=3 block=64
//: array x int32 150 range
//: array y int32 150 empty
//: scalar n int32 150
//: fault out_of_bounds
extern "C" __global__ void square(const int *x, int *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
#ifdef FIXED
  if (i < n)
#else
  if (i <= n)
#endif
    y[i] = x[i] * x[i];  // <- bug
}
