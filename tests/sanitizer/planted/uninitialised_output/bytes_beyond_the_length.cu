// The last word of a byte string is read whole; the fixed text masks off the bytes beyond its length.
//: kernel words
//: launch grid=1 block=32
//: array x uint8 126 range
//: array y uint32 32 empty
//: scalar n int32 126
//: fault uninitialised_output y
//: remark uninitialised_value
extern "C" __global__ void words(const unsigned char *x, unsigned *y, int n) {
  __shared__ __align__(4) unsigned char bytes[128];
  int t = threadIdx.x;
  for (int i = t; i < n; i += 32) bytes[i] = x[i];
  __syncwarp();
  unsigned word = reinterpret_cast<volatile unsigned *>(bytes)[t];
#ifdef FIXED
  int valid = min(4, n - 4 * t);
  if (valid < 4) word &= (1u << 8 * valid) - 1;
#endif
  y[t] = word;  // <- bug
}
