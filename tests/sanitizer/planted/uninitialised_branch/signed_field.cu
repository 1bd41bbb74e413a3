// A signed bit field is widened by its sign; the buggy text asks for the field above it, which nobody set.
//: kernel fields
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 zeros
//: fault uninitialised_branch
struct Fields {
  int low : 7, middle : 9, high : 16;
};
extern "C" __global__ void fields(const int *x, int *y) {
  volatile Fields all;
  all.low = x[threadIdx.x];
  all.middle = -x[threadIdx.x];
#ifdef FIXED
  int asked = all.middle;
#else
  int asked = all.high;
#endif
  if (asked < -3) y[threadIdx.x] = atomicAdd(y + threadIdx.x, 1) + all.low;  // <- bug
}
