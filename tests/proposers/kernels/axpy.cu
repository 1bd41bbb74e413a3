#pragma kernelevo launch axpy<<<ceildiv(n, 128), 128>>>(x, y, n, alpha)

extern "C" __global__ void axpy(const float *x, float *y, int n, float alpha) {
  int i = blockIdx.x * 128 + threadIdx.x;
  if (i < n) y[i] += alpha * x[i];
}
