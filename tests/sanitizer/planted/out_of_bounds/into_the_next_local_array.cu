// The index of one local array runs into the next one.
//: kernel both
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault out_of_bounds
//: missed local memory is checked as one range, and NVRTC puts all arrays of a function in one variable
extern "C" __global__ void both(const int *x, int *y) {
  int first[8], second[8];
#pragma unroll 1
  for (int k = 0; k < 8; ++k) {
    first[k] = x[k];
    second[k] = x[k + 8];
  }
  int i = x[threadIdx.x];
#ifdef FIXED
  y[threadIdx.x] = first[i & 7] + second[i & 7];
#else
  y[threadIdx.x] = first[i & 15] + second[i & 7];  // <- bug
#endif
}
