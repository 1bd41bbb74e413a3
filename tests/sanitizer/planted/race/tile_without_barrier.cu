// A tile is read by other warps than wrote it, without a barrier between.
//: kernel reverse
//: launch grid=1 block=128
//: array x int32 128 range
//: array y int32 128 empty
//: fault race
//: order
extern "C" __global__ void reverse(const int *x, int *y) {
  __shared__ int tile[128];
  int t = threadIdx.x;
  tile[t] = x[t];  // <- bug
#ifdef FIXED
  __syncthreads();
#endif
  y[t] = tile[127 - t];  // <- bug
}
