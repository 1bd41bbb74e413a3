#ifndef THREADS
#define THREADS 96
#endif
#pragma kernelevo tune THREADS 32 96 256
#pragma kernelevo launch scale_rows<<<(rows + THREADS - 1) / THREADS, THREADS>>>(x, gain, bias, y, z, rows, cols)

// Two loops over one row; the second reads what the first stored at the same place.
extern "C" __global__ void scale_rows(const float *x, const float *gain, const float *bias, float *y, float *z,
                                      unsigned rows, unsigned cols) {
  const unsigned row = threadIdx.x + blockIdx.x * blockDim.x;
  if (row >= rows)
    return;
  const float factor = gain[row];
  // The scaled row.
#pragma unroll 4
  for (unsigned a = 0; a < cols; ++a) {
    float scaled = factor * x[row * cols + a];
    y[row * cols + a] = scaled + bias[a];
  }
  const float half = 0.5f * factor;
  for (unsigned b = 0; b < cols; b += 1) {  // and its half
    float scaled = half * y[row * cols + b];
    z[row * cols + b] = fmaxf(scaled, 0.0f);
  }
}
