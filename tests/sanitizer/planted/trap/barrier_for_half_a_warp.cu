// A named barrier is asked to wait for 48 threads, and it counts whole warps.
//: kernel wait
//: launch grid=1 block=64
//: array x int32 64 range
//: array y int32 64 zeros
//: fault trap
extern "C" __global__ void wait(const int *x, int *y) {
  __shared__ volatile int room[64];
  int t = threadIdx.x;
  room[t] = x[t];
#ifdef FIXED
  asm volatile("bar.sync 1, 64;" ::: "memory");
#else
  asm volatile("bar.sync 1, 48;" ::: "memory");  // <- bug
#endif
  y[t] = room[63 - t];
}
