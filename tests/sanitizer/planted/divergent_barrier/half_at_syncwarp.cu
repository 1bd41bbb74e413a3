// Half of a warp waits for the whole block, the other half for the warp.
//: kernel halves
//: launch grid=1 block=64
//: array x int32 64 range
//: array y int32 64 zeros
//: fault divergent_barrier
extern "C" __global__ void halves(const int *x, int *y) {
  __shared__ volatile int room[64];
  int t = threadIdx.x;
  room[t] = x[t];
#ifdef FIXED
  __syncthreads();
#else
  if (t % 32 < 16) {
    __syncthreads();  // <- bug
  } else {
    __syncwarp();  // <- bug
  }
#endif
  y[t] = room[t];
}
