// The scan's last offset is never stored to shared memory.
//: kernel spread
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 zeros
//: fault uninitialised_address
extern "C" __global__ void spread(const int *x, int *y) {
  __shared__ int offset[33];
  int t = threadIdx.x;
  offset[t] = t;
#ifdef FIXED
  if (t == 0) offset[32] = 32;
#endif
  __syncthreads();
  y[offset[t + 1] & 31] = x[t];  // <- bug
}
