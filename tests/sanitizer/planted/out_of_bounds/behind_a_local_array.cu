// The loop over a local array has one turn more than it has elements.
//: kernel reverse
//: launch grid=1 block=32
//: array x int32 256 range
//: array y int32 256 empty
//: scalar n int32 8
//: fault out_of_bounds
extern "C" __global__ void reverse(const int *x, int *y, int n) {
  int own[8];
#ifdef FIXED
  int last = n;
#else
  int last = n + 1;
#endif
#pragma unroll 1
  for (int k = 0; k < last; ++k) own[k & 15] = x[(threadIdx.x * 8 + k) & 255];  // <- bug
#pragma unroll 1
  for (int k = 0; k < n; ++k) y[threadIdx.x * 8 + k] = own[n - 1 - k];
}
