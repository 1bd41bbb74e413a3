// An mbarrier is used before anybody initialised it.
//: kernel arrive
//: launch grid=1 block=32
//: array y int32 32 empty
//: fault trap
extern "C" __global__ void arrive(int *y) {
  __shared__ unsigned long long barrier;
  unsigned at = (unsigned)__cvta_generic_to_shared(&barrier);
#ifdef FIXED
  if (threadIdx.x == 0) asm volatile("mbarrier.init.shared.b64 [%0], 32;" ::"r"(at) : "memory");
  __syncthreads();
#endif
  unsigned long long state;
  asm volatile("mbarrier.arrive.shared.b64 %0, [%1];" : "=l"(state) : "r"(at) : "memory");  // <- bug
  y[threadIdx.x] = 1;
}
