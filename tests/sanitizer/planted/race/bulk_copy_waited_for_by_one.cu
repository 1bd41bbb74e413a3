// One warp waits for the mbarrier of a bulk copy, and another reads the tile without a barrier.
//: kernel stage
//: target sm_90
//: launch grid=1 block=64
//: array x int32 64 range
//: array y int32 64 empty
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
__device__ void fetch(void *to, const void *from, int bytes, unsigned long long *b) {
  unsigned long long state;
  asm volatile("mbarrier.arrive.expect_tx.shared.b64 %0, [%1], %2;"
               : "=l"(state) : "r"(at(b)), "r"(bytes) : "memory");
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];"  // <- bug
               ::"r"(at(to)), "l"(from), "r"(bytes), "r"(at(b)) : "memory");
}
extern "C" __global__ void stage(const int *x, int *y) {
  __shared__ __align__(16) int tile[64];
  __shared__ unsigned long long full;
  int t = threadIdx.x;
  if (t == 0) asm volatile("mbarrier.init.shared.b64 [%0], 1;" ::"r"(at(&full)) : "memory");
  __syncthreads();
  if (t == 0) fetch(tile, x, 256, &full);
  if (t < 32) wait(&full, 0);
#ifdef FIXED
  __syncthreads();
#endif
  y[t] = tile[63 - t];  // <- bug
}
