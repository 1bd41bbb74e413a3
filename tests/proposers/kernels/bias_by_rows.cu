#pragma kernelevo launch add_bias<<<dim3(ceildiv(rows, 4), ceildiv(cols, 64)), dim3(4, 64)>>>(x, bias, rows, cols)

extern "C" __global__ void add_bias(double *x, const double *bias, int rows, int cols) {
  int c = blockIdx.y * blockDim.y + threadIdx.y;
  int r = blockIdx.x * blockDim.x + threadIdx.x;
  if (r < rows && c < cols) x[r * cols + c] += bias[c];
}
