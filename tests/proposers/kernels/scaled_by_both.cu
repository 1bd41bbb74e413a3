#define WIDTH 128
#pragma kernelevo launch scaled<<<ceildiv(n, WIDTH), WIDTH>>>(x, y, n)

// The number stands here too, so that the macro alone cannot change.
extern "C" __global__ void scaled(const float *x, float *y, int n) {
  int i = blockIdx.x * 128 + threadIdx.x;
  if (i < n) y[i] = 2.0f * x[i];
}
