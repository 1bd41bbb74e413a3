#define ROWS_PER_BLOCK 64
#pragma kernelevo launch standardise<<<ceildiv(rows, ROWS_PER_BLOCK), ROWS_PER_BLOCK>>>(x, y, rows, cols)

// Zero mean and unit deviation, from the sums of values and of squares in one pass.
extern "C" __global__ void standardise(const float *x, float *y, int rows, int cols) {
  int row = blockIdx.x * ROWS_PER_BLOCK + threadIdx.x;
  if (row >= rows) return;
  float sum = 0.f, squares = 0.f;
  for (int j = 0; j < cols; ++j) {
    const float v = x[row * cols + j];
    sum += v;
    squares += v * v;
  }
  const float mean = sum / cols;
  const float deviation = sqrtf(fmaxf(squares / cols - mean * mean, 0.0f) + 1e-5f);
  for (int j = 0; j < cols; ++j) {
    y[row * cols + j] = (x[row * cols + j] - mean) / deviation;
  }
}
