// Two buffers in turn need a barrier in each turn; here it stands in every other one.
//: kernel relay
//: launch grid=1 block=128
//: array x int32 512 range
//: array y int32 512 empty
//: fault race
//: order
extern "C" __global__ void relay(const int *x, int *y) {
  __shared__ int room[2][128];
  int t = threadIdx.x;
#pragma unroll 1
  for (int k = 0; k < 4; ++k) {
    room[k & 1][t] = x[k * 128 + t];  // <- bug
#ifdef FIXED
    __syncthreads();
#else
    if ((k & 1) == 0) __syncthreads();
#endif
    y[k * 128 + t] = room[k & 1][127 - t];  // <- bug
  }
}
