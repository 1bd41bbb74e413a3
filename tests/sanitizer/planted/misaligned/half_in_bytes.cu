// A packed record of one byte and one 16-bit value is read without unpacking.
//: kernel unpack
//: launch grid=1 block=16
//: array x uint8 48 range
//: array y int32 16 empty
//: fault misaligned
extern "C" __global__ void unpack(const unsigned char *x, int *y) {
  const unsigned char *record = x + 3 * threadIdx.x;
#ifdef FIXED
  y[threadIdx.x] = record[1] | record[2] << 8;
#else
  y[threadIdx.x] = *reinterpret_cast<const unsigned short *>(record + 1);  // <- bug
#endif
}
