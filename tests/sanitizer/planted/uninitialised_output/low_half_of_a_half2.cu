// An odd number of halves is read as __half2, and the buggy text uses the upper half of the last one.
//: kernel odd
//: launch grid=1 block=32
//: array y float32 32 empty
//: fault uninitialised_output y
//: remark uninitialised_value
#include <cuda_fp16.h>
extern "C" __global__ void odd(float *y) {
  __shared__ __align__(4) __half room[64];
  int t = threadIdx.x;
  room[2 * t] = __float2half(t);
  __syncwarp();
  unsigned word = reinterpret_cast<volatile unsigned *>(room)[t];
  __half2 both = *reinterpret_cast<__half2 *>(&word);
#ifdef FIXED
  y[t] = __low2float(both);
#else
  y[t] = __high2float(both);  // <- bug
#endif
}
