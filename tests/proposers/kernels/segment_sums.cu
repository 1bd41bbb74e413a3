#pragma kernelevo zero out
#pragma kernelevo launch segment_sums<<<ceildiv(n, 128), 128>>>(x, out, n)

extern "C" __global__ void segment_sums(const int *x, int *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) atomicAdd(&out[i / 48], x[i]);
}
