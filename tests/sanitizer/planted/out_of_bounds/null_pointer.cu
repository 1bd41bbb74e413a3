// An optional bias is read although its pointer is null.
//: kernel add_bias
//: launch grid=1 block=32
//: array x float32 32 range
//: scalar bias uint64 0
//: array y float32 32 empty
//: fault out_of_bounds
extern "C" __global__ void add_bias(const float *x, const float *bias, float *y) {
  int i = threadIdx.x;
#ifdef FIXED
  float b = bias ? bias[i] : 0.0f;
#else
  float b = bias[i];  // <- bug
#endif
  y[i] = x[i] + b;
}
