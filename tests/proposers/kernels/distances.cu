#pragma kernelevo launch distances<<<dim3(ceildiv(n, 16), ceildiv(m, 16)), dim3(16, 16)>>>(a, b, c, m, n, k)

// Squared distances: elements outside the matrices would have to be equal, and not zero.
extern "C" __global__ void distances(const float *a, const float *b, float *c, int m, int n, int k) {
  int j = blockIdx.x * blockDim.x + threadIdx.x;
  int i = blockIdx.y * blockDim.y + threadIdx.y;
  if (i < m && j < n) {
    float sum = 0.0f;
    for (int p = 0; p < k; ++p) {
      float d = a[i * k + p] - b[p * n + j];
      sum += d * d;
    }
    c[i * n + j] = sum;
  }
}
