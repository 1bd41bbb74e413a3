// Sparse matrix times vector, CSR: a warp a row with gathered loads and a shuffle tree; and a thread a row.
extern "C" __global__ void spmv_warp(const int *start, const int *column, const float *value, const float *x, float *y,
                                     int rows) {
  const int row = (blockIdx.x * blockDim.x + threadIdx.x) >> 5, lane = threadIdx.x & 31;
  if (row >= rows) return;
  float sum = 0;
  for (int i = start[row] + lane; i < start[row + 1]; i += 32) sum = fmaf(value[i], __ldg(&x[column[i]]), sum);
  for (int offset = 16; offset; offset >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
  if (lane == 0) y[row] = sum;
}

extern "C" __global__ void spmv_thread(const int *__restrict__ start, const int *__restrict__ column,
                                       const double *__restrict__ value, const double *__restrict__ x,
                                       double *__restrict__ y, int rows) {
  const int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  double sum = 0;
  for (int i = start[row]; i < start[row + 1]; i++) sum += value[i] * x[column[i]];
  y[row] = sum;
}
