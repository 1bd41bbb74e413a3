// The number of turns is read from shared memory before anybody writes it.
//: kernel power
//: launch grid=1 block=32
//: array x float32 32 ones
//: array y float32 32 empty
//: scalar n int32 5
//: fault uninitialised_branch
extern "C" __global__ void power(const float *x, float *y, int n) {
  __shared__ int turns;
#ifdef FIXED
  if (threadIdx.x == 0) turns = n;
  __syncthreads();
#endif
  float value = 1.0f;
  int last = *(volatile int *)&turns;
#pragma unroll 1
  for (int k = 0; k < last && k < 9; ++k) value *= x[threadIdx.x] + k;  // <- bug
  y[threadIdx.x] = value;
}
