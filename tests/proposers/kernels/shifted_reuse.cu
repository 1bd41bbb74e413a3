#pragma kernelevo launch shifted_reuse<<<ceildiv(rows, 64), 64>>>(x, y, z, rows, cols)

// The second loop reads what the first one stored in another iteration.
extern "C" __global__ void shifted_reuse(const float *x, float *y, float *z, int rows, int cols) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  for (int j = 0; j < cols; ++j) y[row * cols + j] = 2.0f * x[row * cols + j];
  for (int j = 0; j < cols; ++j) z[row * cols + j] = y[row * cols + (cols - 1 - j)];
}
