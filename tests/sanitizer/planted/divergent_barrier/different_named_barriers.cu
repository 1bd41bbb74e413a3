// Producer and consumer wait at barriers with different numbers.
//: kernel hand_over
//: launch grid=1 block=64
//: array y int32 32 empty
//: fault divergent_barrier
extern "C" __global__ void hand_over(int *y) {
  __shared__ int tile[32];
  int t = threadIdx.x;
#ifdef FIXED
  const int other = 1;
#else
  const int other = 2;
#endif
  if (t < 32) {
    tile[t] = t;
    asm volatile("bar.sync 1, 64;" ::: "memory");  // <- bug
  } else {
    asm volatile("bar.sync %0, 64;" ::"r"(other) : "memory");
    y[t - 32] = tile[t - 32];
  }
}
