// A switch meets a code it has no case for and traps.
//: kernel decode
//: launch grid=1 block=32
//: array x int32 32 0,1,2
//: array y int32 32 empty
//: fault trap
extern "C" __global__ void decode(const int *x, int *y) {
  int code = x[threadIdx.x], value = 0;
  if (code == 0) value = 10;
  else if (code == 1) value = 20;
#ifdef FIXED
  else if (code == 2) value = 30;
#endif
  else __trap();  // <- bug
  y[threadIdx.x] = value;
}
