#pragma kernelevo launch two_widths<<<ceildiv(rows, 32), 32>>>(x, y, rows, cols) when(cols < 64)
#pragma kernelevo launch two_widths<<<ceildiv(rows, 128), 128>>>(x, y, rows, cols)

// One kernel, launched in two ways.
extern "C" __global__ void two_widths(const float *x, float *y,
                                      int rows, int cols) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  float sum = 0.0f;
  for (int j = 0; j < cols; ++j) sum += x[row * cols + j];
  for (int j = 0; j < cols; ++j) y[row * cols + j] = x[row * cols + j] - sum;
}
