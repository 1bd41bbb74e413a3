// The kernel needs two arrays of blockDim.x floats, and the second one begins where the launch's bytes end.
//: kernel twice
//: launch grid=1 block=64 shared=256
//: array x float32 64 range
//: array y float32 64 empty
//: fault out_of_bounds
extern __shared__ float room[];
extern "C" __global__ void twice(const float *x, float *y) {
  int t = threadIdx.x;
#ifdef FIXED
  float *second = room;
#else
  float *second = room + blockDim.x;
#endif
  second[t] = x[t];  // <- bug
  __syncthreads();
  y[t] = second[63 - t];
}
