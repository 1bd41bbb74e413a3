#pragma kernelevo zero count
#pragma kernelevo zero kept
#pragma kernelevo launch compaction<<<ceildiv(n, 128), 128>>>(x, kept, count, n)

// What the atomic gives back is a place in the output.
extern "C" __global__ void compaction(const int *x, int *kept, int *count, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    if (x[i] > 0) {
      int slot = atomicAdd(count, 1);
      kept[slot] = 1;
    }
  }
}
