// A store far behind the end of one array falls in the gap before the next one.
//: kernel spread
//: launch grid=1 block=32
//: array a int32 32 zeros
//: array b int32 32 zeros
//: fault out_of_bounds
extern "C" __global__ void spread(int *a, int *b) {
#ifdef FIXED
  b[threadIdx.x] = 1;
#else
  a[threadIdx.x + 64] = 1;  // <- bug
#endif
}
