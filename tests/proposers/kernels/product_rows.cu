#pragma kernelevo launch product_rows<<<ceildiv(m, 128), 128>>>(a, b, c, m, n, k)

// A whole row of the product for each thread; the inner loop stays.
extern "C" __global__ void product_rows(const float* a, const float* b, float* c, int m, int n, int k) {
  int r = blockIdx.x * blockDim.x + threadIdx.x;
  if (r >= m) return;
  for (int s = 0; s < n; ++s) {
    float sum = 0.0f;
    for (int t = 0; t < k; ++t) {
      sum += a[r * k + t] * b[t * n + s];
    }
    c[r * n + s] = sum;
  }
}
