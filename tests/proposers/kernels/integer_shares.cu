#pragma kernelevo launch shares<<<ceildiv(rows, 64), 64>>>(x, y, rows, cols, unit)

// Whole units only: an integer division, which no reciprocal can stand for.
extern "C" __global__ void shares(const int *x, int *y, int rows, int cols, int unit) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  for (int j = 0; j < cols; ++j) y[row * cols + j] = x[row * cols + j] / unit;
}
