// A chained scan waits for the flag but has no fence between it and the sum.
//: kernel scan
//: launch grid=6 block=32
//: array x int32 6 3
//: array sums int32 6 zeros
//: array flags int32 6 zeros
//: fault race
extern "C" __global__ void scan(const int *x, int *sums, volatile int *flags) {
  if (threadIdx.x != 0) return;
  int b = blockIdx.x, before = 0;
  if (b > 0) {
    while (flags[b - 1] == 0) {}
#ifdef FIXED
    __threadfence();
#endif
    before = sums[b - 1];  // <- bug
  }
  sums[b] = before + x[b];  // <- bug
  __threadfence();
  flags[b] = 1;
}
