// Byte work: SHA-256 a message a thread (round constants in constant memory, funnel shifts), CRC-32 by a table in shared
// memory, Base64 with byte stores.
__constant__ unsigned K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

__device__ __forceinline__ unsigned turn(unsigned x, int by) { return __funnelshift_r(x, x, by); }

__device__ void compress(unsigned *h, unsigned *w) {
  for (int i = 16; i < 64; i++) {
    const unsigned s0 = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3;
    const unsigned s1 = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  unsigned s[8];
  for (int i = 0; i < 8; i++) s[i] = h[i];
  for (int i = 0; i < 64; i++) {
    const unsigned e1 = turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25);
    const unsigned t1 = s[7] + e1 + ((s[4] & s[5]) ^ (~s[4] & s[6])) + K[i] + w[i];
    const unsigned e0 = turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22);
    const unsigned t2 = e0 + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    for (int j = 7; j > 0; j--) s[j] = s[j - 1];
    s[4] += t1;
    s[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++) h[i] += s[i];
}

extern "C" __global__ void sha256(const unsigned char *text, const int *start, unsigned *digests, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const unsigned char *message = text + start[i];
  const int length = start[i + 1] - start[i], blocks = (length + 9 + 63) / 64;
  unsigned h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (int block = 0; block < blocks; block++) {
    unsigned w[64];
    for (int j = 0; j < 16; j++) {
      unsigned word = 0;
      for (int byte = 0; byte < 4; byte++) {
        const int at = block * 64 + j * 4 + byte;
        word = word << 8 | (at < length ? message[at] : at == length ? 0x80u : 0u);
      }
      w[j] = block == blocks - 1 && j == 15 ? length * 8 : word;
    }
    compress(h, w);
  }
  for (int j = 0; j < 8; j++) digests[i * 8 + j] = h[j];
}

extern "C" __global__ void crc32(const unsigned char *text, const int *start, unsigned *out, int n) {
  __shared__ unsigned table[256];
  for (unsigned i = threadIdx.x; i < 256; i += blockDim.x) {
    unsigned c = i;
    for (int bit = 0; bit < 8; bit++) c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
    table[i] = c;
  }
  __syncthreads();
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned c = ~0u;
  for (int at = start[i]; at < start[i + 1]; at++) c = table[(c ^ text[at]) & 255] ^ c >> 8;
  out[i] = ~c;
}

extern "C" __global__ void base64(const unsigned char *in, char *out, int n) {
  const char *letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const int i = blockIdx.x * blockDim.x + threadIdx.x, at = 3 * i;
  if (at >= n) return;
  const unsigned b = in[at] << 16 | (at + 1 < n ? in[at + 1] << 8 : 0) | (at + 2 < n ? in[at + 2] : 0);
  out[4 * i] = letters[b >> 18];
  out[4 * i + 1] = letters[b >> 12 & 63];
  out[4 * i + 2] = at + 1 < n ? letters[b >> 6 & 63] : '=';
  out[4 * i + 3] = at + 2 < n ? letters[b & 63] : '=';
}
