// A block of 48 threads has half a warp, and its reduction takes values from lanes that do not exist.
//: kernel total
//: launch grid=1 block=48
//: array x int32 48 ones
//: array y int32 2 empty
//: fault uninitialised_output y
extern "C" __global__ void total(const int *x, int *y) {
  int t = threadIdx.x, sum = x[t];
#ifdef FIXED
  unsigned mask = t < 32 ? 0xffffffffu : 0xffffu;
  for (int step = t < 32 ? 16 : 8; step > 0; step /= 2) sum += __shfl_xor_sync(mask, sum, step);
#else
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);  // <- bug
#endif
  if (t % 32 == 0) y[t / 32] = sum;
}
