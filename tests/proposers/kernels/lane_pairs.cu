#pragma kernelevo launch lane_pairs<<<ceildiv(n, 128), 128>>>(x, y, n)

// Which lane a thread is decides what it does.
extern "C" __global__ void lane_pairs(const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = threadIdx.x % 2 == 0 ? x[i] : -x[i];
}
