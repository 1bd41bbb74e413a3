// Each pair of warps has a named barrier of its own, but they read what the other pair wrote.
//: kernel groups
//: launch grid=1 block=128
//: array x int32 128 range
//: array y int32 128 empty
//: fault race
//: order
extern "C" __global__ void groups(const int *x, int *y) {
  __shared__ int tile[128];
  int t = threadIdx.x;
  tile[t] = x[t];  // <- bug
  asm volatile("bar.sync %0, 64;" ::"r"(1 + t / 64) : "memory");
#ifdef FIXED
  y[t] = tile[t ^ 63];
#else
  y[t] = tile[127 - t];  // <- bug
#endif
}
