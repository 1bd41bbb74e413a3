#pragma kernelevo launch l1_normalise<<<ceildiv(rows, 64), 64>>>(x, y, rows, cols)

extern "C" __global__ void l1_normalise(const double *x, double *y, int rows, int cols) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row < rows) {
    double total = 1e-9;
    for (int j = 0; j < cols; ++j) total += fabs(x[row * cols + j]);
    for (int j = 0; j < cols; ++j) y[row * cols + j] = x[row * cols + j] / total;
  }
}
