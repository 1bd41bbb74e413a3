// Thread 0 announces what its whole block wrote, without a barrier of the block.
//: kernel hand_over
//: launch grid=2 block=64
//: array room int32 64 zeros
//: array flag int32 1 zeros
//: array y int32 64 zeros
//: fault race
extern "C" __global__ void hand_over(int *room, volatile int *flag, int *y) {
  int t = threadIdx.x;
  if (blockIdx.x == 0) {
    room[t] = t + 1;  // <- bug
#ifdef FIXED
    __syncthreads();
#endif
    if (t == 0) {
      __threadfence();
      *flag = 1;
    }
  } else {
    if (t == 0) {
      while (*flag == 0) {}
      __threadfence();
    }
    __syncthreads();
    y[t] = room[63 - t];  // <- bug
  }
}
