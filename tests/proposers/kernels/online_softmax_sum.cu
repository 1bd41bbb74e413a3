#pragma kernelevo launch online_sum<<<ceildiv(rows, 64), 64>>>(x, out, rows, cols)

// The sum is rescaled whenever the maximum grows: two variables that depend on each other.
extern "C" __global__ void online_sum(const float *x, float *out, int rows, int cols) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  float m = -1e30f, s = 0.0f;
  for (int j = 0; j < cols; ++j) {
    float next = fmaxf(m, x[row * cols + j]);
    s = s * expf(m - next) + expf(x[row * cols + j] - next);
    m = next;
  }
  out[row] = m + logf(s);
}
