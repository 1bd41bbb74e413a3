// An asynchronous copy of 16 bytes begins at the last word of one shared tile and ends in the next.
//: kernel stage
//: launch grid=1 block=32
//: array x int32 128 range
//: array y int32 32 empty
//: fault out_of_bounds
extern "C" __global__ void stage(const int *x, int *y) {
  __shared__ __align__(16) int first[124];
  __shared__ __align__(16) int second[128];
  int t = threadIdx.x;
  second[t] = x[t];
  unsigned to = (unsigned)__cvta_generic_to_shared(first) + 16 * t;
  const int *from = x + 4 * t;
#ifdef FIXED
  if (t < 31)
#endif
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from));  // <- bug
  asm volatile("cp.async.wait_all;" ::: "memory");
  __syncthreads();
  y[t] = first[t] + second[t];
}
