// n / blockDim is rounded down, so that the last elements are never written.
//: kernel twice
//: launch grid=1 block=32
//: array x float32 70 range
//: array y float32 70 empty
//: scalar n int32 70
//: fault uninitialised_output y
extern "C" __global__ void twice(const float *x, float *y, int n) {
#ifdef FIXED
  int turns = (n + blockDim.x - 1) / blockDim.x;
#else
  int turns = n / blockDim.x;  // <- bug
#endif
  for (int k = 0; k < turns; ++k) {
    int i = k * blockDim.x + threadIdx.x;
    if (i < n) y[i] = 2.0f * x[i];
  }
}
