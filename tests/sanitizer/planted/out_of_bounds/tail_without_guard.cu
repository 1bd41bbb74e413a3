// The last block has threads beyond n, and nothing stops them.
//: kernel scale
//: launch grid=3 block=128
//: array x float32 300 range
//: array y float32 300 empty
//: scalar n int32 300
//: fault out_of_bounds
extern "C" __global__ void scale(const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
#ifdef FIXED
  if (i < n) y[i] = 2.0f * x[i];
#else
  y[i] = 2.0f * x[i];  // <- bug
#endif
}
