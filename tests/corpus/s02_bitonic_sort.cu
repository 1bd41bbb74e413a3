// Bitonic sort in dynamic shared memory: strides that are a warp's apart, then within a warp; infinities fill the tail.
extern "C" __global__ void bitonic_sort(float *x, int n) {
  extern __shared__ float s[];
  const unsigned t = threadIdx.x, size = 2 * blockDim.x, base = blockIdx.x * size;
  for (unsigned i = t; i < size; i += blockDim.x) s[i] = base + i < n ? x[base + i] : INFINITY;
  for (unsigned length = 2; length <= size; length <<= 1)
    for (unsigned stride = length >> 1; stride; stride >>= 1) {
      __syncthreads();
      const unsigned low = 2 * t - (t & (stride - 1)), high = low + stride;
      const bool rising = !(low & length);
      const float a = s[low], b = s[high];
      if ((a > b) == rising) {
        s[low] = b;
        s[high] = a;
      }
    }
  __syncthreads();
  for (unsigned i = t; i < size; i += blockDim.x)
    if (base + i < n) x[base + i] = s[i];
}
