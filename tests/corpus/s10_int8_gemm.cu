// An int8 matrix product by dp4a with 4x4 register tiles; signed by unsigned bytes, 32-bit sums, requantised to int8.
extern "C" __global__ void gemm_dp4a(const int *a, const int *bt, int *c, signed char *q, int m, int n, int k4,
                                     int shift) {
  __shared__ int as[32][9], bs[32][9];
  const int tx = threadIdx.x & 7, ty = threadIdx.x >> 3, row0 = blockIdx.y * 32, col0 = blockIdx.x * 32;
  int sum[4][4] = {};
  for (int k0 = 0; k0 < k4; k0 += 8) {
    for (int i = threadIdx.x; i < 32 * 8; i += 64) {
      const int r = i >> 3, k = i & 7;
      as[r][k] = row0 + r < m && k0 + k < k4 ? a[(row0 + r) * k4 + k0 + k] : 0;
      bs[r][k] = col0 + r < n && k0 + k < k4 ? bt[(col0 + r) * k4 + k0 + k] : 0;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < 8; k++)
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) sum[i][j] = __dp4a(as[ty * 4 + i][k], bs[tx * 4 + j][k], sum[i][j]);
    __syncthreads();
  }
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) {
      const int r = row0 + ty * 4 + i, s = col0 + tx * 4 + j;
      if (r >= m || s >= n) continue;
      c[r * n + s] = sum[i][j];
      q[r * n + s] = (signed char)max(-128, min(127, (sum[i][j] + (1 << (shift - 1))) >> shift));
    }
}
