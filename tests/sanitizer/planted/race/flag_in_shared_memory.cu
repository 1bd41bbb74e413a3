// A warp tells another by a volatile flag that data are there, without a fence.
//: kernel hand_over
//: launch grid=1 block=64
//: array x int32 32 range
//: array y int32 32 empty
//: fault race
extern "C" __global__ void hand_over(const int *x, int *y) {
  __shared__ volatile int flag;
  __shared__ int tile[32];
  int t = threadIdx.x & 31;
  if (threadIdx.x == 0) flag = 0;
  __syncthreads();
  if (threadIdx.x < 32) {
    tile[t] = x[t];  // <- bug
    __syncwarp();
#ifdef FIXED
    __threadfence_block();
#endif
    if (t == 0) flag = 1;
  } else {
    while (flag == 0) {}
#ifdef FIXED
    __threadfence_block();
#endif
    y[t] = tile[31 - t];  // <- bug
  }
}
