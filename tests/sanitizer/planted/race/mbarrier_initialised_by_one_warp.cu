// Warps arrive at an mbarrier that another warp has initialised, with no barrier between.
//: kernel meet
//: launch grid=1 block=64
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
extern "C" __global__ void meet(int *y) {
  __shared__ unsigned long long all;
  if (threadIdx.x == 0) asm volatile("mbarrier.init.shared.b64 [%0], 64;" ::"r"(at(&all)) : "memory");  // <- bug
#ifdef FIXED
  __syncthreads();
#endif
  unsigned long long state;
  asm volatile("mbarrier.arrive.shared.b64 %0, [%1];" : "=l"(state) : "r"(at(&all)) : "memory");  // <- bug
  wait(&all, 0);
  y[threadIdx.x] = 1;
}
