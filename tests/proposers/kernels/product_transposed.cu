#pragma kernelevo launch by_rows<<<dim3(ceildiv(n, 16), ceildiv(m, 16)), dim3(16, 16)>>>(a, b, c, m, n, k)

// Both factors by rows: neither load is of neighbours along x.
extern "C" __global__ void by_rows(const float *a, const float *b, float *c, int m, int n, int k) {
  int j = blockIdx.x * blockDim.x + threadIdx.x;
  int i = blockIdx.y * blockDim.y + threadIdx.y;
  if (i < m && j < n) {
    float sum = 0.0f;
    for (int p = 0; p < k; ++p) sum += a[i * k + p] * b[j * k + p];
    c[i * n + j] = sum;
  }
}
