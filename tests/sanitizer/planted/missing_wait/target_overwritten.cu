// Words at the edge are set to zero while a copy into them is under way.
//: kernel stage
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault missing_wait
__device__ void copy(int *to, const int *from) {
  unsigned at = (unsigned)__cvta_generic_to_shared(to);
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(at), "l"(from));
}
__device__ void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
extern "C" __global__ void stage(const int *x, int *y) {
  __shared__ int tile[32];
  int t = threadIdx.x;
  copy(tile + t, x + t);
#ifdef FIXED
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
  if (t >= 30) tile[t] = 0;  // <- bug
  asm volatile("cp.async.wait_all;" ::: "memory");
  y[t] = tile[t];
}
