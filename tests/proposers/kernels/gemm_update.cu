#pragma kernelevo launch update<<<dim3(ceildiv(n, 32), ceildiv(m, 4)), dim3(32, 4)>>>(a, b, c, m, n, k, alpha, beta)

// c = alpha * a * b + beta * c
extern "C" __global__ void update(const double *a, const double *b, double *c, int m, int n, int k, double alpha, double beta) {
  int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y * blockDim.y + threadIdx.y;
  if (i < m && j < n) {
    double before = beta * c[i * n + j];
    double dot = 0.0;
    for (int p = 0; p < k; p++) dot = fma(a[i * k + p], b[p * n + j], dot);
    c[i * n + j] = alpha * dot + before;
  }
}
