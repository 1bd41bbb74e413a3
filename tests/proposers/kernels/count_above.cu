#pragma kernelevo zero count
#pragma kernelevo launch count_above<<<dim3(ceildiv(n, 128), groups), 128>>>(x, count, n, threshold)

// For each group, how many of its elements lie above the threshold.
extern "C" __global__ void count_above(const float *x, int *count, int n, float threshold) {
  const float *group = x + blockIdx.y * n;
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    if (group[i] > threshold) atomicAdd(&count[blockIdx.y], 1);
  }
}
