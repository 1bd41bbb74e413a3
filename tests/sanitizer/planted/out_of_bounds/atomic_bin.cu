// A value equal to the upper bound falls in the bin behind the last one.
//: kernel histogram
//: launch grid=1 block=64
//: array x int32 64 range
//: array bins int32 8 zeros
//: fault out_of_bounds
extern "C" __global__ void histogram(const int *x, int *bins) {
  int bin = (x[threadIdx.x] + 1) / 8;
#ifdef FIXED
  if (bin > 7) bin = 7;
#endif
  atomicAdd(bins + bin, 1);  // <- bug
}
