// The element behind the end is read in a function that is not inlined.
//: kernel pairs
//: launch grid=1 block=32
//: array x float32 32 range
//: array y float32 32 empty
//: fault out_of_bounds
__device__ __noinline__ float pair(const float *x, int i) {
#ifdef FIXED
  return x[i] + (i < 31 ? x[i + 1] : 0.0f);
#else
  return x[i] + x[i + 1];  // <- bug
#endif
}
extern "C" __global__ void pairs(const float *x, float *y) { y[threadIdx.x] = pair(x, threadIdx.x); }
