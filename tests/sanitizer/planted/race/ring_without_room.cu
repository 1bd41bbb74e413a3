// A producer warp fills a ring without waiting until its consumer has emptied the slot.
//: kernel relay
//: launch grid=1 block=64
//: array x int32 128 range
//: array y int32 128 empty
//: fault race
__device__ void sync(int id) { asm volatile("bar.sync %0, 64;" ::"r"(id) : "memory"); }
__device__ void arrive(int id) { asm volatile("bar.arrive %0, 64;" ::"r"(id) : "memory"); }
extern "C" __global__ void relay(const int *x, int *y) {
  __shared__ int ring[2][32];
  int t = threadIdx.x & 31;
#pragma unroll 1
  for (int k = 0; k < 4; ++k) {
    int slot = k & 1;
    if (threadIdx.x < 32) {
#ifdef FIXED
      if (k >= 2) sync(5 + slot);
#endif
      ring[slot][t] = x[k * 32 + t];  // <- bug
      arrive(1 + k);
    } else {
      sync(1 + k);
      y[k * 32 + t] = ring[slot][31 - t];  // <- bug
#ifdef FIXED
      if (k + 2 < 4) arrive(5 + slot);
#endif
    }
  }
}
