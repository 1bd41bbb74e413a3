#pragma kernelevo launch clamp<<<ceildiv(n, 64), 64>>>(x, n, limit)

extern "C" __global__ void clamp(double *x, int n, double limit) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    if (x[i] > limit) {
      x[i] = limit;
    } else if (x[i] < -limit) {
      x[i] = -limit;
    }
  }
}
