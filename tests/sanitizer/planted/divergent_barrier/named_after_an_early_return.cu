// Half of the threads return before a named barrier that counts all of them.
//: kernel wait
//: launch grid=1 block=64
//: array y int32 64 zeros
//: scalar n int32 20
//: fault divergent_barrier
extern "C" __global__ void wait(int *y, int n) {
  int t = threadIdx.x;
#ifdef FIXED
  asm volatile("bar.sync 1, 64;" ::: "memory");
  if (t >= n) return;
#else
  if (t >= n) return;
  asm volatile("bar.sync 1, 64;" ::: "memory");  // <- bug
#endif
  y[t] = t;
}
