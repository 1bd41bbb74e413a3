// Two small indices share a word of which only the lower byte was written; the buggy text takes the other one.
//: kernel pick
//: launch grid=1 block=32
//: array x int32 256 range
//: array y int32 32 empty
//: fault uninitialised_address
extern "C" __global__ void pick(const int *x, int *y) {
  __shared__ unsigned char bytes[128];
  int t = threadIdx.x;
  bytes[4 * t] = t;
  __syncwarp();
  unsigned word = reinterpret_cast<volatile unsigned *>(bytes)[t];
#ifdef FIXED
  y[t] = x[word & 0xff];
#else
  y[t] = x[word >> 8 & 0xff];  // <- bug
#endif
}
