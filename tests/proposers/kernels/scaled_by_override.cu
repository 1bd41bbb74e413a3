#ifndef WIDTH
#define WIDTH 128
#endif
#pragma kernelevo launch scaled<<<ceildiv(n, WIDTH), WIDTH>>>(x, y, n)

extern "C" __global__ void scaled(const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = 2.0f * x[i];
}
