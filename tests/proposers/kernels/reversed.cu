#pragma kernelevo launch reversed<<<ceildiv(n, 128), 128>>>(x, y, n)

extern "C" __global__ void reversed(const int *x, int *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[n - 1 - i] = x[n - 1 - i] + 1;
}
