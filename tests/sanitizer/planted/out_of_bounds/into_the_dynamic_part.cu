// A fixed shared array is indexed beyond its end, into the dynamic part behind it.
//: kernel stage
//: launch grid=1 block=32 shared=256
//: array x int32 32 range
//: array y int32 32 empty
//: fault out_of_bounds
extern "C" __global__ void stage(const int *x, int *y) {
  __shared__ int fixed[32];
  extern __shared__ int rest[];
  int t = threadIdx.x;
  fixed[t] = x[t];
  rest[t] = -x[t];
  __syncthreads();
#ifdef FIXED
  y[t] = fixed[31 - t] + rest[t];
#else
  y[t] = fixed[x[t] * 2] + rest[t];  // <- bug
#endif
}
