// Threads of different warps write one byte each, but some write the byte beside it too.
//: kernel bytes
//: launch grid=1 block=64
//: array y uint8 128 zeros
//: fault race
extern "C" __global__ void bytes(unsigned char *y) {
  __shared__ unsigned char tile[128];
  int t = threadIdx.x, warp = t / 32, at = 2 * (t % 32) + warp;
#ifdef FIXED
  tile[at] = t;
#else
  if (warp) tile[at] = t;  // <- bug
  else *(unsigned short *)(tile + at) = t;  // <- bug
#endif
  __syncthreads();
  y[t] = tile[t];
}
