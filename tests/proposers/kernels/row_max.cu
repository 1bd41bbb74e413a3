#pragma kernelevo launch row_extremes<<<ceildiv(rows, 128), 128>>>(x, high, low, rows, cols)

// Greatest and least element of each row of integers, in one pass.
extern "C" __global__ void row_extremes(const int *x, int *high, int *low, int rows, int cols) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < rows) {
    int most = x[i * cols], least = x[i * cols];
    for (int k = 0; k < cols; k += 1) {
      int v = *(x + i * cols + k);
      most = v > most ? v : most;
      least = least < v ? least : v;
    }
    high[i] = most;
    low[i] = least;
  }
}
