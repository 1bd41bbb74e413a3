// Bit puzzles on 64-bit words: Morton codes, Gray codes, square roots, binary gcd, powers modulo p, 128-bit products.
typedef unsigned long long u64;

__device__ u64 spread(u64 v) {
  v &= 0xffffffffull;
  v = (v | v << 16) & 0x0000ffff0000ffffull;
  v = (v | v << 8) & 0x00ff00ff00ff00ffull;
  v = (v | v << 4) & 0x0f0f0f0f0f0f0f0full;
  v = (v | v << 2) & 0x3333333333333333ull;
  return (v | v << 1) & 0x5555555555555555ull;
}

__device__ u64 root(u64 v) {
  u64 result = 0, bit = v ? 1ull << ((63 - __clzll(v)) & ~1) : 0;
  for (; bit; bit >>= 2) {
    const u64 trial = result + bit;
    result >>= 1;
    if (v >= trial) {
      v -= trial;
      result += bit;
    }
  }
  return result;
}

__device__ u64 gcd(u64 a, u64 b) {
  if (!a || !b) return a | b;
  const int shift = __ffsll(a | b) - 1;
  a >>= __ffsll(a) - 1;
  while (b) {
    b >>= __ffsll(b) - 1;
    if (a > b) {
      const u64 c = a;
      a = b;
      b = c;
    }
    b -= a;
  }
  return a << shift;
}

__device__ u64 power(u64 base, u64 exponent, u64 modulus) {
  u64 result = 1;
  for (base %= modulus; exponent; exponent >>= 1) {
    if (exponent & 1) result = result * base % modulus;
    base = base * base % modulus;
  }
  return result;
}

extern "C" __global__ void bit_puzzles(const u64 *a, const u64 *b, u64 *out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const u64 x = a[i], y = b[i];
  u64 *o = out + 8 * (size_t)i;
  o[0] = spread(x) | spread(y) << 1;
  u64 gray = x ^ x >> 1, back = gray;
  for (int shift = 1; shift < 64; shift <<= 1) back ^= back >> shift;
  o[1] = gray;
  o[2] = back - x + __brevll(y) + __popcll(x & y);
  o[3] = root(x);
  o[4] = gcd(x, y);
  o[5] = power(x, y & 0xffff, 4294967291ull);
  u64 low, high;  // x * y + x, with the carry by hand
  asm("mad.lo.cc.u64 %0, %2, %3, %2;\n\tmadc.hi.u64 %1, %2, %3, 0;" : "=&l"(low), "=l"(high) : "l"(x), "l"(y));
  o[6] = low;
  o[7] = high;
}
