// A recursion halves its argument until zero, but the buggy one never gets there from -1.
//: kernel depth
//: launch grid=1 block=32 budget=2000000
//: array x int32 32 9
//: array y int32 32 empty
//: fault stack_overflow
__device__ __noinline__ int levels(int x, volatile int *seen) {
#ifdef FIXED
  if (x <= 1) return 0;
#else
  if (x == 1 << 30) return 0;
#endif
  *seen = x;
  int below = levels(x / 2, seen);  // <- bug
  return below + *seen - *seen + 1;
}
extern "C" __global__ void depth(const int *x, int *y) { y[threadIdx.x] = levels(x[threadIdx.x], y + threadIdx.x); }
