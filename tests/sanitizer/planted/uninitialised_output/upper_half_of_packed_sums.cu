// Packed halves are added of which only the lower ones were written; the buggy text stores the upper sum.
//: kernel sums
//: launch grid=1 block=32
//: array y float32 32 empty
//: fault uninitialised_output y
//: remark uninitialised_value
#include <cuda_fp16.h>
extern "C" __global__ void sums(float *y) {
  __shared__ __align__(4) __half room[64];
  int t = threadIdx.x;
  room[2 * t] = __float2half(t);
  __syncwarp();
  unsigned word = reinterpret_cast<volatile unsigned *>(room)[t];
  __half2 both = *reinterpret_cast<__half2 *>(&word);
  __half2 sum = __hfma2(both, both, __hadd2(both, both));
#ifdef FIXED
  y[t] = __low2float(sum);
#else
  y[t] = __high2float(sum);  // <- bug
#endif
}
