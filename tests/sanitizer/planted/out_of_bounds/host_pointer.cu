// The launch passes the address of host memory.
//: kernel copy
//: launch grid=1 block=32
//: array x float32 32 range
//: scalar host uint64 140737353973760
//: array y float32 32 empty
//: fault out_of_bounds
extern "C" __global__ void copy(const float *x, const float *host, float *y) {
#ifdef FIXED
  y[threadIdx.x] = x[threadIdx.x];
#else
  y[threadIdx.x] = host[threadIdx.x];  // <- bug
#endif
}
