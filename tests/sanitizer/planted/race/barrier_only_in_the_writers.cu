// The writers pass a barrier of their own warps, the readers pass none.
//: kernel relay
//: launch grid=1 block=96
//: array x int32 64 range
//: array y int32 32 empty
//: fault race
extern "C" __global__ void relay(const int *x, int *y) {
  __shared__ int tile[64];
  int t = threadIdx.x;
  if (t < 64) {
    tile[t] = x[t];  // <- bug
#ifdef FIXED
    asm volatile("bar.arrive 1, 96;" ::: "memory");
#else
    asm volatile("bar.sync 1, 64;" ::: "memory");
#endif
  } else {
#ifdef FIXED
    asm volatile("bar.sync 1, 96;" ::: "memory");
#endif
    y[t - 64] = tile[t - 64] + tile[t - 32];  // <- bug
  }
}
