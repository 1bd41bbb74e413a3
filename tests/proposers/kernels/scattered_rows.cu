#pragma kernelevo launch scattered_rows<<<ceildiv(rows, 64), 64>>>(x, place, y, rows, cols)

// Where an element goes is data: two elements may meet, and the later one must win.
extern "C" __global__ void scattered_rows(const float *x, const int *place, float *y, int rows, int cols) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  for (int j = 0; j < cols; ++j) y[row * cols + j] = 0.0f;
  for (int j = 0; j < cols; ++j) y[row * cols + place[j]] = x[row * cols + j];
}
