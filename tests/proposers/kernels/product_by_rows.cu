#pragma kernelevo launch product<<<dim3(ceildiv(m, 8), ceildiv(n, 32)), dim3(8, 32)>>>(a, b, c, m, n, k)

extern "C" __global__ void product(const float *a, const float *b, float *c, int m, int n, int k) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  int j = blockIdx.y * blockDim.y + threadIdx.y;
  if (i >= m || j >= n) return;
  float sum = 0.0f;
  for (int p = 0; p < k; ++p) sum += a[i * k + p] * b[p * n + j];
  c[i * n + j] = sum;
}
