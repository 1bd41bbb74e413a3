// A temporary buffer is accumulated into without having been cleared.
//: kernel accumulate
//: launch grid=1 block=32
//: array x float32 128 range
//: array sums float32 32 empty
//: fault uninitialised_output sums
extern "C" __global__ void accumulate(const float *x, float *sums) {
  int t = threadIdx.x;
#ifdef FIXED
  sums[t] = 0.0f;
#endif
  for (int k = 0; k < 4; ++k) sums[t] += x[k * 32 + t];  // <- bug
}
