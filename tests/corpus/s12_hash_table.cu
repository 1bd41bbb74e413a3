// A hash table in global memory: 64-bit atomicCAS claims slots, linear probing, counters in the value; then look-ups.
typedef unsigned long long u64;
constexpr u64 EMPTY = ~0ull;

__device__ unsigned hash(unsigned key) {
  key ^= key >> 16;
  key *= 0x85ebca6bu;
  key ^= key >> 13;
  key *= 0xc2b2ae35u;
  return key ^ key >> 16;
}

extern "C" __global__ void table_insert(const unsigned *keys, u64 *table, unsigned *count, unsigned mask, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  for (unsigned slot = hash(keys[i]) & mask;; slot = (slot + 1) & mask) {
    const u64 old = atomicCAS(&table[slot], EMPTY, (u64)keys[i]);
    if (old == EMPTY || old == keys[i]) {
      atomicAdd(&count[slot], 1u);
      return;
    }
  }
}

extern "C" __global__ void table_find(const unsigned *keys, const u64 *table, const unsigned *count, unsigned *found,
                                      unsigned mask, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned slot = hash(keys[i]) & mask;
  while (table[slot] != EMPTY && table[slot] != keys[i]) slot = (slot + 1) & mask;
  found[i] = table[slot] == EMPTY ? 0u : count[slot];
}
