#pragma kernelevo launch both<<<dim3(ceildiv(cols, 16), ceildiv(rows, 16)), dim3(16, 16)>>>(x, y, z, rows, cols)

extern "C" __global__ void both(const float *x, float *y, float *z, int rows, int cols) {
  int c = blockIdx.x * blockDim.x + threadIdx.x;
  int r = blockIdx.y * blockDim.y + threadIdx.y;
  if (c < cols && r < rows) {
    y[c * rows + r] = x[r * cols + c];
    z[r * cols + c] = x[r * cols + c];
  }
}
