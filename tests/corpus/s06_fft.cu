// A radix-2 FFT of one line a block in shared memory: bit reversal by brev, twiddles by sincospif, float2 throughout.
extern "C" __global__ void fft_radix2(const float2 *x, float2 *y, int log2n) {
  extern __shared__ float2 line[];
  const int n = 1 << log2n;
  x += (size_t)blockIdx.x * n;
  y += (size_t)blockIdx.x * n;
  for (int i = threadIdx.x; i < n; i += blockDim.x) line[__brev(i) >> (32 - log2n)] = x[i];
  __syncthreads();
  for (int half = 1; half < n; half <<= 1) {
    for (int i = threadIdx.x; i < n / 2; i += blockDim.x) {
      const int k = i & (half - 1), low = 2 * i - k;
      float s, c;
      sincospif(-(float)k / half, &s, &c);
      const float2 a = line[low], b = line[low + half];
      const float2 t = make_float2(b.x * c - b.y * s, b.x * s + b.y * c);
      line[low] = make_float2(a.x + t.x, a.y + t.y);
      line[low + half] = make_float2(a.x - t.x, a.y - t.y);
    }
    __syncthreads();
  }
  for (int i = threadIdx.x; i < n; i += blockDim.x) y[i] = line[i];
}
