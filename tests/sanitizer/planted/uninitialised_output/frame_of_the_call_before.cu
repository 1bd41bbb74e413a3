// A function fills its local array in the first call only; in the second it reads what the first has left.
//: kernel twice
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault uninitialised_output y
//: remark uninitialised_value
__device__ __noinline__ int remember(const int *x, bool fills) {
  volatile int own[8];
#pragma unroll 1
  for (int k = 0; k < 8; ++k) {
    if (fills) own[k] = x[k];
  }
  return own[x[3]];
}
extern "C" __global__ void twice(const int *x, int *y) {
  int first = remember(x, true);
#ifdef FIXED
  int second = remember(x, true);
#else
  int second = remember(x, false);
#endif
  y[threadIdx.x] = first + second;  // <- bug
}
