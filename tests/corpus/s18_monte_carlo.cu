// Random numbers: xorshift128 with integer hits in a circle summed by redux; MRG32k3a by 64-bit remainders, in f64.
extern "C" __global__ void circle_hits(unsigned *hits, unsigned seed, int draws) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned x = seed ^ i * 0x9e3779b9u, y = 362436069u + i, z = 521288629u, w = 88675123u, inside = 0;
  for (int k = 0; k < draws; k++) {
    const unsigned t = x ^ x << 11;
    x = y, y = z, z = w;
    w = w ^ w >> 19 ^ t ^ t >> 8;
    const unsigned long long a = w >> 16, b = w & 0xffff;
    inside += a * a + b * b < 1ull << 32;
  }
  const unsigned sum = __reduce_add_sync(0xffffffffu, inside);
  if ((threadIdx.x & 31) == 0) atomicAdd(hits, sum);
}

extern "C" __global__ void mrg32k3a(double *out, unsigned seed, int n) {
  const long long m1 = 4294967087ll, m2 = 4294944443ll;
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  long long a0 = seed + i, a1 = 2 * i + 1, a2 = 3, b0 = 4, b1 = seed, b2 = i + 6;
  double last = 0;
  for (int k = 0; k < n; k++) {
    long long p = (1403580ll * a1 - 810728ll * a0) % m1;
    if (p < 0) p += m1;
    a0 = a1, a1 = a2, a2 = p;
    long long q = (527612ll * b2 - 1370589ll * b0) % m2;
    if (q < 0) q += m2;
    b0 = b1, b1 = b2, b2 = q;
    last = (p > q ? p - q : p - q + m1) * (1.0 / 4294967088.0);
  }
  out[i] = last;
}
