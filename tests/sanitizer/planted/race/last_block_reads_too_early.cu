// The last block reads the others' sums without a fence behind the counter that told it so.
//: kernel total
//: launch grid=8 block=1
//: array parts int32 8 zeros
//: array done uint32 1 zeros
//: array y int32 1 zeros
//: fault race
extern "C" __global__ void total(int *parts, unsigned *done, int *y) {
  parts[blockIdx.x] = blockIdx.x + 1;  // <- bug
  __threadfence();
  if (atomicInc(done, gridDim.x - 1) != gridDim.x - 1) return;
#ifdef FIXED
  __threadfence();
#endif
  int sum = 0;
  for (int k = 0; k < 8; ++k) sum += parts[k];  // <- bug
  *y = sum;
}
