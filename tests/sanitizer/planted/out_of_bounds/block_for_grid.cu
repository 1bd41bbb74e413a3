// The grid-stride loop begins at blockIdx * gridDim instead of blockIdx * blockDim, and has no guard in its first turn.
//: kernel fill
//: launch grid=64 block=16
//: array y int32 1024 zeros
//: scalar n int32 1024
//: fault out_of_bounds
extern "C" __global__ void fill(int *y, int n) {
#ifdef FIXED
  int i = blockIdx.x * blockDim.x + threadIdx.x;
#else
  int i = blockIdx.x * gridDim.x + threadIdx.x;
#endif
  y[i] = i;  // <- bug
}
