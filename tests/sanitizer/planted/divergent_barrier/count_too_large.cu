// A barrier among the first two warps counts three.
//: kernel pair
//: launch grid=1 block=96
//: array y int32 64 empty
//: fault divergent_barrier
extern "C" __global__ void pair(int *y) {
  __shared__ int tile[64];
  int t = threadIdx.x;
  if (t >= 64) return;
  tile[t] = t;
#ifdef FIXED
  asm volatile("bar.sync 1, 64;" ::: "memory");
#else
  asm volatile("bar.sync 1, 96;" ::: "memory");  // <- bug
#endif
  y[t] = tile[63 - t];
}
