#define WIDTH 96  // threads
#pragma kernelevo launch scaled<<<(n + WIDTH - 1) / WIDTH, WIDTH>>>(x, y, n)

extern "C" __global__ void scaled(const float *x, float *y, int n) {
  int i = blockIdx.x * WIDTH + threadIdx.x;
  if (i < n) y[i] = 2.0f * x[i];
}
