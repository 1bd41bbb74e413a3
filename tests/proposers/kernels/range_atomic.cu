#pragma kernelevo launch range<<<ceildiv(n, 128), 128>>>(x, bounds, n)

// The range of some integers; bounds holds one beforehand.
extern "C" __global__ void range(const int *x, int *bounds, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    int v = x[i];
    atomicMin(&bounds[0], v);
    atomicMax(&bounds[1], v);
  }
}
