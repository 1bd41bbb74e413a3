#pragma kernelevo zero bins
#pragma kernelevo launch histogram<<<ceildiv(n, 128), 128>>>(x, bins, n)

extern "C" __global__ void histogram(const int *x, int *bins, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) atomicAdd(&bins[x[i] & 15], 1);
}
