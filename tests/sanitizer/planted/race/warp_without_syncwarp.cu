// Lanes of one warp hand values over in shared memory without __syncwarp.
//: kernel swap
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault race
extern "C" __global__ void swap(const int *x, int *y) {
  __shared__ int tile[32];
  int t = threadIdx.x;
  tile[t] = x[t];  // <- bug
#ifdef FIXED
  __syncwarp();
#endif
  y[t] = tile[t ^ 1];  // <- bug
}
