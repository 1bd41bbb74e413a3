#pragma kernelevo launch last_large<<<ceildiv(rows, 64), 64>>>(x, out, rows, cols)

extern "C" __global__ void last_large(const float *x, float *out, int rows, int cols) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  float last = 0.0f;
  for (int j = 0; j < cols; ++j) {
    if (x[row * cols + j] > 0.5f) last = x[row * cols + j];
  }
  out[row] = last;
}
