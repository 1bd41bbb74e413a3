// Row times pitch does not fit an int and becomes a negative offset.
//: kernel pick
//: launch grid=1 block=32
//: array x uint8 64 range
//: array y uint8 32 empty
//: scalar row int32 65536
//: scalar pitch int32 32768
//: fault out_of_bounds
extern "C" __global__ void pick(const unsigned char *x, unsigned char *y, int row, int pitch) {
#ifdef FIXED
  long long at = (long long)row * pitch;
  if (at > 63) at = 0;
#else
  int at = (int)((unsigned)row * (unsigned)pitch);
  if (at > 63) at = 0;
#endif
  y[threadIdx.x] = x[at + threadIdx.x];  // <- bug
}
