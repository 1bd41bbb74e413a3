// Lane 15 takes the value of lane 16, which has left the kernel.
//: kernel neighbour
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 16 empty
//: fault uninitialised_output y
//: remark uninitialised_value
extern "C" __global__ void neighbour(const int *x, int *y) {
  int t = threadIdx.x;
  int value = x[t];
#ifdef FIXED
  int other = __shfl_down_sync(0xffffffffu, value, 1);
  if (t < 16) y[t] = other;
#else
  if (t >= 16) return;
  y[t] = __shfl_down_sync(0xffffffffu, value, 1);  // <- bug
#endif
}
