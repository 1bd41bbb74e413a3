// A stencil writes its result over the array that other threads still read.
//: kernel smooth
//: launch grid=4 block=64
//: array x int32 257 range
//: array y int32 256 zeros
//: fault race
//: order
extern "C" __global__ void smooth(int *x, int *y) {
  int i = blockIdx.x * 64 + threadIdx.x;
#ifdef FIXED
  y[i] = x[i] * x[i] + x[i + 1];
#else
  x[i] = x[i] * x[i] + x[i + 1];  // <- bug
#endif
}
