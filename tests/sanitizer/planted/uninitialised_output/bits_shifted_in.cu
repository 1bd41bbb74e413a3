// A funnel shift joins two words of which one was never written; the buggy text shifts its bits in.
//: kernel shift
//: launch grid=1 block=32
//: array x uint32 32 range
//: array room uint32 64 empty
//: array y uint32 32 empty
//: fault uninitialised_output y
//: remark uninitialised_value
extern "C" __global__ void shift(const unsigned *x, unsigned *room, unsigned *y) {
  int t = threadIdx.x;
  room[2 * t] = x[t];
  __syncwarp();
  unsigned low = reinterpret_cast<volatile unsigned *>(room)[2 * t];
  unsigned high = reinterpret_cast<volatile unsigned *>(room)[2 * t + 1];
#ifdef FIXED
  y[t] = __funnelshift_r(low, high, 8) & 0xffffff;
#else
  y[t] = __funnelshift_r(low, high, 8);  // <- bug
#endif
}
