// Lanes beyond n skip a full-mask ballot and go on to a sum of the warp.
//: kernel positive
//: launch grid=1 block=32
//: array x int32 20 range
//: array y uint32 32 zeros
//: scalar n int32 20
//: fault absent_lane
extern "C" __global__ void positive(const int *x, unsigned *y, int n) {
  int t = threadIdx.x;
  unsigned votes = 0;
#ifdef FIXED
  votes = __ballot_sync(~0u, t < n && x[min(t, n - 1)] > 3);
#else
  if (t < n) votes = __ballot_sync(~0u, x[t] > 3);  // <- bug
#endif
  y[t] = __reduce_add_sync(~0u, votes & 1);
}
