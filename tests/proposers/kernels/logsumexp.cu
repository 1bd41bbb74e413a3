#define THREADS 96
#pragma kernelevo launch logsumexp<<<(rows + THREADS - 1) / THREADS, THREADS>>>(x, out, rows, cols)

extern "C" __global__ void logsumexp(const double *x, double *out, unsigned rows, unsigned cols) {
  unsigned row = threadIdx.x + blockDim.x * blockIdx.x;
  if (row >= rows) return;
  // The greatest element keeps the exponentials in range.
  double m = x[row * cols];
  for (unsigned j = 1; j < cols; j++) {
    if (x[row * cols + j] > m) m = x[row * cols + j];
  }
  double s = 0.0;
  for (unsigned j = 0; j < cols; j++) s += exp(x[row * cols + j] - m);
  out[row] = m + log(s);
}
