// The caller's size in bytes is taken for a number of elements.
//: kernel clear
//: launch grid=1 block=64
//: array y int32 100 zeros
//: scalar bytes int32 400
//: fault out_of_bounds
extern "C" __global__ void clear(int *y, int bytes) {
#ifdef FIXED
  int n = bytes / (int)sizeof(int);
#else
  int n = bytes;
#endif
  for (int i = threadIdx.x; i < n; i += blockDim.x) y[i] = 7;  // <- bug
}
