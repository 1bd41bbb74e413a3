#pragma kernelevo launch common<<<dim3(ceildiv(n, 16), ceildiv(m, 16)), dim3(16, 16)>>>(sets, words, counts, m, n, k)

extern "C" __global__ void common(const int *sets, const int *words, int *counts, int m, int n, int k) {
  int word = blockIdx.x * blockDim.x + threadIdx.x;
  int set = blockIdx.y * blockDim.y + threadIdx.y;
  if (set >= m || word >= n) return;
  int total = 1;
  for (int t = 0; t < k; ++t) {
    total += words[t * n + word] * sets[t + set * k];
  }
  counts[set * n + word] = total;
}
