// Euclidean norm of each row.
#pragma kernelevo launch row_norm<<<ceildiv(rows, 64), 64>>>(x, norms, rows, cols)

extern "C" __global__ void row_norm(const float *x, float *norms, int rows, int cols) {
  const int r = blockIdx.x * 64 + threadIdx.x;
  if (r < rows) {
    const float *p = x + (size_t)r * cols;
    float squares = 0;
    for (int j = 0; j < cols; ++j) squares = fmaf(p[j], p[j], squares);
    norms[r] = sqrtf(squares);
  }
}
