#pragma kernelevo launch gather<<<dim3(ceildiv(n, 16), ceildiv(m, 16)), dim3(16, 16)>>>(x, scale, y, m, n)

// y[i][j] = scale[j] * x[j][i], stored by neighbours and loaded far apart.
extern "C" __global__ void gather(const double *x, const double *scale, double *y, int m, int n) {
  int j = blockIdx.x * blockDim.x + threadIdx.x;
  int i = blockIdx.y * blockDim.y + threadIdx.y;
  if (i < m && j < n) {
    int from = j * m + i;
    double value = x[from];
    y[i * n + j] = scale[j] * value + 1.0;
  }
}
