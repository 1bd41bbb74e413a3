// An assertion about the input does not hold.
//: kernel check
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault trap
#include <assert.h>
extern "C" __global__ void check(const int *x, int *y) {
#ifdef FIXED
  assert(x[threadIdx.x] < 32);
#else
  assert(x[threadIdx.x] < 31);  // <- bug
#endif
  y[threadIdx.x] = x[threadIdx.x];
}
