// The index of one __device__ array runs into the next one.
//: kernel both
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault out_of_bounds
__device__ int first[16] = {1};
__device__ int second[16] = {2};
extern "C" __global__ void both(const int *x, int *y) {
  int i = x[threadIdx.x];
#ifdef FIXED
  y[threadIdx.x] = first[i & 15] + second[i & 15];
#else
  y[threadIdx.x] = first[i] + second[i & 15];  // <- bug
#endif
}
