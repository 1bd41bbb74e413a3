// The next turn of a loop overwrites the tile while other warps still read it.
//: kernel rotate
//: launch grid=1 block=128
//: array x int32 512 range
//: array y int32 512 empty
//: fault race
//: order
extern "C" __global__ void rotate(const int *x, int *y) {
  __shared__ int tile[128];
  int t = threadIdx.x;
#pragma unroll 1
  for (int k = 0; k < 4; ++k) {
    tile[t] = x[k * 128 + t];  // <- bug
    __syncthreads();
    y[k * 128 + t] = tile[(t + 64) % 128];  // <- bug
#ifdef FIXED
    __syncthreads();
#endif
  }
}
