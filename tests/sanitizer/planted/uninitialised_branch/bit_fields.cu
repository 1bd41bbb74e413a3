// Two bit fields share a word; the buggy text leaves one of them unset and asks for it.
//: kernel fields
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 zeros
//: fault uninitialised_branch
struct Fields {
  unsigned low : 12, high : 20;
};
extern "C" __global__ void fields(const int *x, int *y) {
  volatile Fields both;
  both.low = x[threadIdx.x];
#ifdef FIXED
  both.high = 5;
#endif
  if (both.high == 5) y[threadIdx.x] = atomicAdd(y + threadIdx.x, 1) + both.low;  // <- bug
}
