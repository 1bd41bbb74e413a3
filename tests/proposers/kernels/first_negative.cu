#pragma kernelevo launch sum_to_negative<<<ceildiv(rows, 64), 64>>>(x, out, rows, cols)

extern "C" __global__ void sum_to_negative(const float *x, float *out, int rows, int cols) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  float sum = 0.0f;
  for (int j = 0; j < cols; ++j) {
    if (x[row * cols + j] < 0.0f) break;
    sum += x[row * cols + j];
  }
  out[row] = sum;
}
