#pragma kernelevo launch scaled<<<dim3(ceildiv(rows, 16), ceildiv(cols, 16)), dim3(16, 16)>>>(x, y, rows, cols, factor)

extern "C" __global__ void scaled(const float *x, float *y, int rows, int cols, float factor) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  int col = blockIdx.y * blockDim.y + threadIdx.y;
  if (row < rows && col < cols) y[row * cols + col] = factor * x[row * cols + col];
}
