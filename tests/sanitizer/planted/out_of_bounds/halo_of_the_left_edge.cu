// A three-point stencil reads the left neighbour of the first element.
//: kernel blur
//: launch grid=2 block=64
//: array x float32 128 range
//: array y float32 128 empty
//: scalar n int32 128
//: fault out_of_bounds
extern "C" __global__ void blur(const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
#ifdef FIXED
  float left = i > 0 ? x[i - 1] : 0.0f;
#else
  float left = x[i - 1];  // <- bug
#endif
  y[i] = 0.5f * (left + x[i]);
}
