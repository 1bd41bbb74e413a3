// A block reads what its neighbour writes in the same launch.
//: kernel shift
//: launch grid=8 block=32
//: array x int32 256 range
//: array middle int32 256 zeros
//: array y int32 256 empty
//: fault race
//: order
extern "C" __global__ void shift(const int *x, int *middle, int *y) {
  int i = blockIdx.x * 32 + threadIdx.x;
#ifdef FIXED
  middle[i] = 2 * x[i];
  y[i] = 2 * x[(i + 32) % 256];
#else
  middle[i] = 2 * x[i];  // <- bug
  y[i] = middle[(i + 32) % 256];  // <- bug
#endif
}
