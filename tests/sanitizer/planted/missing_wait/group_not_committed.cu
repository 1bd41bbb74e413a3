// The last copies belong to no group, so that waiting for all groups does not wait for them.
//: kernel stage
//: launch grid=1 block=64
//: array x int32 64 range
//: array y int32 64 empty
//: fault missing_wait
__device__ void copy(int *to, const int *from) {
  unsigned at = (unsigned)__cvta_generic_to_shared(to);
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(at), "l"(from));
}
__device__ void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
extern "C" __global__ void stage(const int *x, int *y) {
  __shared__ int tile[64];
  int t = threadIdx.x;
  copy(tile + t, x + t);
#ifdef FIXED
  commit();
#endif
  asm volatile("cp.async.wait_group 0;" ::: "memory");
  __syncthreads();
  y[t] = tile[63 - t];  // <- bug
}
