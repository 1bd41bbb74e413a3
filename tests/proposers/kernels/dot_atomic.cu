#pragma kernelevo zero out
#pragma kernelevo launch dot<<<ceildiv(n, 256), 256>>>(a, b, out, n)

extern "C" __global__ void dot(const float *a, const float *b, float *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float product = a[i] * b[i];
  atomicAdd(out, product);
}
