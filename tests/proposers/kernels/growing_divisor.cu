#pragma kernelevo launch growing<<<ceildiv(rows, 64), 64>>>(x, out, rows, cols, divisor)

extern "C" __global__ void growing(const float *x, float *out, int rows, int cols, int divisor) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  float sum = 0.0f;
  float scale = 1.0f;
  for (int j = 0; j < cols; ++j) {
    scale += 1.0f;
    sum += x[row * cols + j] / scale + (float)(j / divisor);
  }
  out[row] = sum;
}
