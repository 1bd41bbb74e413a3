// Consumers read what producers wrote without waiting at the mbarrier where these arrive.
//: kernel relay
//: launch grid=1 block=64
//: array x int32 32 range
//: array y int32 32 empty
//: fault race
__device__ unsigned at(const void *p) { return (unsigned)__cvta_generic_to_shared(p); }
__device__ void arrive(unsigned long long *b) {
  unsigned long long state;
  asm volatile("mbarrier.arrive.shared.b64 %0, [%1];" : "=l"(state) : "r"(at(b)) : "memory");
}
__device__ void wait(unsigned long long *b, int parity) {
  int done;
  do {
    asm volatile("{ .reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [%1], %2; selp.b32 %0, 1, 0, p; }"
                 : "=r"(done) : "r"(at(b)), "r"(parity) : "memory");
  } while (!done);
}
extern "C" __global__ void relay(const int *x, int *y) {
  __shared__ int tile[32];
  __shared__ unsigned long long full;
  int t = threadIdx.x & 31;
  if (threadIdx.x == 0) asm volatile("mbarrier.init.shared.b64 [%0], 32;" ::"r"(at(&full)) : "memory");
  __syncthreads();
  if (threadIdx.x < 32) {
    tile[t] = x[t];  // <- bug
    arrive(&full);
  } else {
#ifdef FIXED
    wait(&full, 0);
#endif
    y[t] = tile[31 - t];  // <- bug
  }
}
