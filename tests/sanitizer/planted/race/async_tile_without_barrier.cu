// Each thread waits for its own copies and then reads what others copied.
//: kernel stage
//: launch grid=1 block=128
//: array x int32 128 range
//: array y int32 128 empty
//: fault race
//: order
extern "C" __global__ void stage(const int *x, int *y) {
  __shared__ int tile[128];
  int t = threadIdx.x;
  unsigned to = (unsigned)__cvta_generic_to_shared(tile + t);
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(to), "l"(x + t));  // <- bug
  asm volatile("cp.async.wait_all;" ::: "memory");
#ifdef FIXED
  __syncthreads();
#endif
  y[t] = tile[127 - t];  // <- bug
}
