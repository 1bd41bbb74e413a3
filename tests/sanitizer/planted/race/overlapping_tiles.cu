// Tiles overlap by one column, which two blocks write with different values.
//: kernel tiles
//: launch grid=4 block=32
//: array y int32 128 zeros
//: fault race
//: order
extern "C" __global__ void tiles(int *y) {
#ifdef FIXED
  int i = blockIdx.x * 32 + threadIdx.x;
#else
  int i = blockIdx.x * 31 + threadIdx.x;
#endif
  y[i] = blockIdx.x;  // <- bug
}
