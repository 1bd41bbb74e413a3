// Producer and consumer warps of one block over a ring of two buffers, with bar.sync and bar.arrive on named barriers.
__device__ __forceinline__ void sync(int barrier) { asm volatile("bar.sync %0, 128;" ::"r"(barrier) : "memory"); }
__device__ __forceinline__ void arrive(int barrier) { asm volatile("bar.arrive %0, 128;" ::"r"(barrier) : "memory"); }

extern "C" __global__ void __launch_bounds__(128) producer_consumer(const int *x, int *y, int rounds) {
  __shared__ int ring[2][64];
  const int t = threadIdx.x & 63;
  const bool producer = threadIdx.x < 64;
  x += (size_t)blockIdx.x * rounds * 64;
  y += (size_t)blockIdx.x * rounds * 64;
  // Barriers 1 and 2: a buffer is full. Barriers 3 and 4: it is empty again.
  for (int round = 0; round < rounds; round++) {
    const int buffer = round & 1;
    if (producer) {
      if (round >= 2) sync(3 + buffer);
      ring[buffer][t] = x[round * 64 + t] * 2 + round;
      arrive(1 + buffer);
    } else {
      sync(1 + buffer);
      y[round * 64 + t] = ring[buffer][63 - t];
      if (round + 2 < rounds) arrive(3 + buffer);
    }
  }
}
