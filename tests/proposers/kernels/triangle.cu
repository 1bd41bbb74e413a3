#pragma kernelevo launch triangle<<<ceildiv(n, 64), 64>>>(x, y, n)

// How far a loop goes depends on the thread.
extern "C" __global__ void triangle(const float *x, float *y, int n) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= n) return;
  for (int j = 0; j < row + 1; ++j) {
    y[j * n + row] += x[row * n + j];
  }
}
