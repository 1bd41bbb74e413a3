// An index far behind the end of one array lands in the middle of another.
//: kernel spread
//: launch grid=1 block=32
//: array a int32 32 zeros
//: array b int32 1024 zeros
//: fault out_of_bounds
//: missed an address inside another allocation is valid, whatever pointer it was computed from
extern "C" __global__ void spread(int *a, int *b) {
#ifdef FIXED
  b[threadIdx.x] = 1;
#else
  a[threadIdx.x + 512] = 1;  // <- bug
#endif
}
