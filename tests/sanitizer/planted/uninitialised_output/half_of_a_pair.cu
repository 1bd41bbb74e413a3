// A pair of 16-bit values is read as one word where only the first was written; the buggy text uses the second.
//: kernel pairs
//: launch grid=1 block=32
//: array pairs uint16 64 empty
//: array y uint32 32 empty
//: fault uninitialised_output y
//: remark uninitialised_value
extern "C" __global__ void pairs(unsigned short *pairs, unsigned *y) {
  int t = threadIdx.x;
  pairs[2 * t] = t;
  __syncwarp();
  unsigned both = reinterpret_cast<volatile unsigned *>(pairs)[t];
#ifdef FIXED
  y[t] = both & 0xffff;
#else
  y[t] = both >> 16;  // <- bug
#endif
}
