// A pipeline of two copies waits until one is under way where none may be.
//: kernel relay
//: launch grid=1 block=64
//: array x int32 128 range
//: array y int32 128 empty
//: fault missing_wait
__device__ void copy(int *to, const int *from) {
  unsigned at = (unsigned)__cvta_generic_to_shared(to);
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(at), "l"(from));
}
__device__ void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
extern "C" __global__ void relay(const int *x, int *y) {
  __shared__ int room[2][64];
  int t = threadIdx.x;
  copy(&room[0][t], x + t);
  commit();
  copy(&room[1][t], x + 64 + t);
  commit();
#ifdef FIXED
  asm volatile("cp.async.wait_group 0;" ::: "memory");
#else
  asm volatile("cp.async.wait_group 1;" ::: "memory");
#endif
  __syncthreads();
  y[t] = room[0][63 - t];
  y[64 + t] = room[1][63 - t];  // <- bug
  asm volatile("cp.async.wait_group 0;" ::: "memory");
}
