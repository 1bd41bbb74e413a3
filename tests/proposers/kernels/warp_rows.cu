// One warp for each row, as somebody wrote it by hand.
#pragma kernelevo launch center<<<ceildiv(rows, 4), 128>>>(x, y, rows, cols)

extern "C" __global__ void center(const float *x, float *y, int rows, int cols) {
  int warp = (blockIdx.x * blockDim.x + threadIdx.x) / 32;
  int lane = threadIdx.x & 31;
  if (warp >= rows) return;
  float sum = 0.0f;
  for (int j = lane; j < cols; j += 32) sum += x[warp * cols + j];
  for (int offset = 16; offset > 0; offset >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
  for (int j = lane; j < cols; j += 32) y[warp * cols + j] = x[warp * cols + j] - sum / cols;
}
