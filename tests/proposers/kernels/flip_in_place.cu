#pragma kernelevo launch flip<<<dim3(ceildiv(n, 16), ceildiv(n, 16)), dim3(16, 16)>>>(x, n)

// The upper triangle takes the lower one's values: it reads the array that it writes.
extern "C" __global__ void flip(float *x, int n) {
  int c = blockIdx.x * blockDim.x + threadIdx.x;
  int r = blockIdx.y * blockDim.y + threadIdx.y;
  if (c < n && r < n) {
    if (c < r) x[c * n + r] = x[r * n + c];
  }
}
