// A lane executes a shuffle whose mask does not name it.
//: kernel pass
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault absent_lane
extern "C" __global__ void pass(const int *x, int *y) {
#ifdef FIXED
  unsigned mask = ~0u;
#else
  unsigned mask = 0x7fffffffu;
#endif
  y[threadIdx.x] = __shfl_xor_sync(mask, x[threadIdx.x], 1);  // <- bug
}
