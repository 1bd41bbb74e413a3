// Each side of a branch votes or shuffles for the whole warp, so neither operation ever has all its lanes.
//: kernel sides
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 zeros
//: fault absent_lane
//: also absent_lane
extern "C" __global__ void sides(const int *x, int *y) {
  int t = threadIdx.x;
#ifdef FIXED
  unsigned mask = t < 16 ? 0xffff : 0xffff0000;
#else
  unsigned mask = 0xffffffff;
#endif
  int found;
  if (t < 16) {
    found = __shfl_xor_sync(mask, x[t], 1);  // <- bug
  } else {
    found = __ballot_sync(mask, x[t] & 1);  // <- also absent_lane
  }
  y[t] = found;
}
