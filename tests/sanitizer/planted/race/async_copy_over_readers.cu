// The next tile is fetched asynchronously into a buffer that other warps still read.
//: kernel relay
//: launch grid=1 block=64
//: array x int32 256 range
//: array y int32 256 empty
//: fault race
__device__ void copy(int *to, const int *from) {
  unsigned at = (unsigned)__cvta_generic_to_shared(to);
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(at), "l"(from));  // <- bug
}
__device__ void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
extern "C" __global__ void relay(const int *x, int *y) {
  __shared__ int room[2][64];
  int t = threadIdx.x;
  copy(&room[0][t], x + t);
  commit();
#pragma unroll 1
  for (int k = 0; k < 4; ++k) {
    if (k + 1 < 4) copy(&room[(k + 1) & 1][t], x + (k + 1) * 64 + t);
    commit();
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    __syncthreads();
    y[k * 64 + t] = room[k & 1][63 - t];  // <- bug
#ifdef FIXED
    __syncthreads();
#endif
  }
}
