// The upper half of the last pair was never set; its comparison decides a branch. That of the lower half may.
//: kernel keep
//: launch grid=1 block=32
//: array x float16 31 ones
//: array y float16 62 zeros
//: scalar n int32 31
//: fault uninitialised_branch
#include <cuda_fp16.h>
extern "C" __global__ void keep(const __half *x, __half *y, int n) {
  int i = threadIdx.x * 2;
  __half2 v;
  if (i < n) v.x = x[i];
  if (i + 1 < n) v.y = x[i + 1];
  unsigned above = __hgt2_mask(v, __float2half2_rn(0.5f));
  if (i >= n) return;
  if (above & 0xffff) y[i] = v.x;
#ifdef FIXED
  if (i + 1 >= n) return;
#endif
  if (above >> 16) y[i + 1] = v.x;  // <- bug
}
