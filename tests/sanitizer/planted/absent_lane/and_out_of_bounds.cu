// A shuffle names lanes that went another way, and the lanes that take part read behind the array.
//: kernel halves
//: launch grid=1 block=32
//: array x int32 24 range
//: array y int32 32 zeros
//: fault absent_lane
//: also out_of_bounds
extern "C" __global__ void halves(const int *x, int *y) {
  int t = threadIdx.x;
  int value = t;
#ifdef FIXED
  value = __shfl_xor_sync(0xffffffff, value, 1);
  y[t] = x[value < 24 ? value : 23];
#else
  if (t >= 16) {
    value = __shfl_xor_sync(0xffffffff, value, 1);  // <- bug
    value = x[value];  // <- also out_of_bounds
  }
  __syncwarp();
  y[t] = value;
#endif
}
