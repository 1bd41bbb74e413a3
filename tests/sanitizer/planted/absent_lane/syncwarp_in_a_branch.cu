// A __syncwarp for all lanes stands in a branch that half of them take.
//: kernel halves
//: launch grid=1 block=32
//: array y int32 32 zeros
//: fault absent_lane
extern "C" __global__ void halves(int *y) {
  __shared__ int tile[16];
  int t = threadIdx.x;
  if (t < 16) {
    tile[t] = t;
#ifdef FIXED
    __syncwarp(0xffffu);
#else
    __syncwarp();  // <- bug
#endif
    y[t] = tile[15 - t];
  }
  __syncthreads();
  if (t == 31) y[31] = y[3];
}
