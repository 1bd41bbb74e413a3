// Batched factorisations in f64, a warp a matrix: Cholesky with columns in shared memory, LU with partial pivoting.
constexpr int N_MAX = 32;

extern "C" __global__ void cholesky_batched(const double *a, double *l, int n, int batch) {
  __shared__ double m[2][N_MAX][N_MAX + 1];
  const int lane = threadIdx.x, item = blockIdx.x * 2 + threadIdx.y;
  if (item >= batch) return;
  double(*s)[N_MAX + 1] = m[threadIdx.y];
  for (int r = 0; r < n; r++)
    if (lane < n) s[r][lane] = a[((size_t)item * n + r) * n + lane];
  __syncwarp();
  for (int k = 0; k < n; k++) {
    const double pivot = sqrt(s[k][k]);
    __syncwarp();
    if (lane >= k && lane < n) s[lane][k] = lane == k ? pivot : s[lane][k] / pivot;
    __syncwarp();
    if (lane > k && lane < n)
      for (int j = k + 1; j <= lane; j++) s[lane][j] -= s[lane][k] * s[j][k];
    __syncwarp();
  }
  for (int r = 0; r < n; r++)
    if (lane < n) l[((size_t)item * n + r) * n + lane] = lane <= r ? s[r][lane] : 0.0;
}

extern "C" __global__ void lu_batched(double *a, int *pivots, int n, int batch) {
  const int lane = threadIdx.x, item = blockIdx.x;
  double *m = a + (size_t)item * n * n;
  for (int k = 0; k < n; k++) {
    double best = lane >= k && lane < n ? fabs(m[lane * n + k]) : -1.0;
    int row = lane;
    for (int offset = 16; offset; offset >>= 1) {
      const double other = __shfl_xor_sync(0xffffffffu, best, offset);
      const int other_row = __shfl_xor_sync(0xffffffffu, row, offset);
      if (other > best || (other == best && other_row < row)) {
        best = other;
        row = other_row;
      }
    }
    if (lane == 0) pivots[item * n + k] = row;
    if (row != k && lane < n) {
      const double upper = m[k * n + lane];
      m[k * n + lane] = m[row * n + lane];
      m[row * n + lane] = upper;
    }
    __syncwarp();
    if (lane > k && lane < n) {
      const double factor = m[lane * n + k] / m[k * n + k];
      m[lane * n + k] = factor;
      for (int j = k + 1; j < n; j++) m[lane * n + j] -= factor * m[k * n + j];
    }
    __syncwarp();
  }
}
