// Lanes beyond n have returned before a full-mask ballot.
//: kernel positive
//: launch grid=1 block=32
//: array x int32 20 range
//: array y uint32 32 zeros
//: scalar n int32 20
//: fault absent_lane
extern "C" __global__ void positive(const int *x, unsigned *y, int n) {
  int t = threadIdx.x;
#ifdef FIXED
  y[t] = __ballot_sync(~0u, t < n && x[min(t, n - 1)] > 3);
#else
  if (t >= n) return;
  y[t] = __ballot_sync(~0u, x[t] > 3);  // <- bug
#endif
}
