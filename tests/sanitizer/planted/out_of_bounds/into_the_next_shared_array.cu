// The index of one shared array runs into the next one.
//: kernel window
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault out_of_bounds
extern "C" __global__ void window(const int *x, int *y) {
  __shared__ int first[32];
  __shared__ int second[32];
  int t = threadIdx.x;
  first[t] = x[t];
  second[t] = -x[t];
  __syncthreads();
#ifdef FIXED
  y[t] = first[(t + 4) & 31] + second[31 - t];
#else
  y[t] = first[t + 4] + second[31 - t];  // <- bug
#endif
}
