// Lanes beyond n vote with a value that was never loaded; the fixed text lets them vote no.
//: kernel votes
//: launch grid=1 block=32
//: array x int32 20 range
//: array y uint32 32 empty
//: scalar n int32 20
//: fault uninitialised_output y
//: remark uninitialised_value
extern "C" __global__ void votes(const int *x, unsigned *y, int n) {
  __shared__ volatile int tile[32];
  int t = threadIdx.x;
  if (t < n) tile[t] = x[t];
  int value = tile[t];
#ifdef FIXED
  y[t] = __ballot_sync(~0u, t < n && value > 3);
#else
  y[t] = __ballot_sync(~0u, value > 3);  // <- bug
#endif
}
