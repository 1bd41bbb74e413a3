// A second copy goes to the place of a first one that is still under way.
//: kernel stage
//: launch grid=1 block=32
//: array x int32 64 range
//: array y int32 32 empty
//: fault missing_wait
extern "C" __global__ void stage(const int *x, int *y) {
  __shared__ int tile[32];
  int t = threadIdx.x;
  unsigned at = (unsigned)__cvta_generic_to_shared(tile + t);
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(at), "l"(x + t));
#ifdef FIXED
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(at), "l"(x + 32 + t));  // <- bug
  asm volatile("cp.async.wait_all;" ::: "memory");
  y[t] = tile[t];
}
