#define SQRT_HALF 0.70710678f
#pragma kernelevo launch gelu<<<ceildiv(rows * cols, 256), 256>>>(x, y, rows * cols)

__device__ float half_erfc(float v) { return 0.5f * (1.0f + erff(v * SQRT_HALF)); }

extern "C" __global__ void gelu(const float *__restrict__ x, float *__restrict__ y, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  // Exact form, with the error function.
  const float v = x[i];
  y[i] = v * half_erfc(v);
}
