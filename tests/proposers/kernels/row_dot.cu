#pragma kernelevo launch accumulate_dots<<<ceildiv(rows, 256), 256>>>(a, b, sums, rows, cols, scale)

__device__ float weighted(float u, float v, float w) { return u * v * w; }

extern "C" __global__ void accumulate_dots(const float *a, const float *b, float *sums, int rows, int cols, float scale) {
  int row = blockDim.x * blockIdx.x + threadIdx.x;
  if (row >= rows) { return; }
  float dot = scale;
  for (int c = 0; c < cols; c++) {
    dot = dot + weighted(a[row * cols + c], b[row * cols + c], scale);
  }
  sums[row] += dot;
}
