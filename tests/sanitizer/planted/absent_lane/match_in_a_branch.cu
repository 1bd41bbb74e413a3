// Lanes that look for equals name lanes without a key, which wait at the next __syncwarp.
//: kernel peers
//: launch grid=1 block=32
//: array x int32 32 range
//: array y uint32 32 zeros
//: fault absent_lane
extern "C" __global__ void peers(const int *x, unsigned *y) {
  int t = threadIdx.x;
  if (t & 1) {
#ifdef FIXED
    y[t] = __match_any_sync(0xaaaaaaaau, x[t] / 8);
#else
    y[t] = __match_any_sync(0xffffffffu, x[t] / 8);  // <- bug
#endif
  }
  __syncwarp();
  if (t == 0) y[0] = y[1];
}
