#pragma kernelevo launch unaligned<<<ceildiv(n, 128), 128>>>(x, y, n)

extern "C" __global__ void unaligned(const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = 2.0f * x[i];
}
