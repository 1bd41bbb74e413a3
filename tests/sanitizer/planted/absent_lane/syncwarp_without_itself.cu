// All lanes execute a __syncwarp whose mask names half of them.
//: kernel swap
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault absent_lane
extern "C" __global__ void swap(const int *x, int *y) {
#ifdef FIXED
  unsigned mask = threadIdx.x < 16 ? 0xffffu : 0xffff0000u;
#else
  unsigned mask = 0xffffu;
#endif
  __shared__ int s[32];
  s[threadIdx.x] = x[threadIdx.x];
  __syncwarp(mask);  // <- bug
  y[threadIdx.x] = s[threadIdx.x ^ 1];
}
