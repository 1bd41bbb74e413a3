// A tile is filled again while a bulk store still reads it.
//: kernel flush
//: target sm_90
//: launch grid=1 block=32
//: array x int32 64 range
//: array y int32 64 zeros
//: fault missing_wait
extern "C" __global__ void flush(const int *x, int *y) {
  __shared__ __align__(16) int tile[32];
  int t = threadIdx.x;
  unsigned at = (unsigned)__cvta_generic_to_shared(tile);
#pragma unroll 1
  for (int k = 0; k < 2; ++k) {
    tile[t] = x[k * 32 + t];  // <- bug
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncwarp();
    if (t == 0) {
      asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], 128;" ::"l"(y + k * 32), "r"(at)
                   : "memory");
      asm volatile("cp.async.bulk.commit_group;" ::: "memory");
#ifdef FIXED
      asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
#endif
    }
    __syncwarp();
  }
  if (t == 0) asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
}
