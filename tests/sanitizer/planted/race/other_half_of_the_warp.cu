// Each half of a warp synchronises for itself, but reads what the other half wrote.
//: kernel halves
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault race
extern "C" __global__ void halves(const int *x, int *y) {
  __shared__ int tile[32];
  int t = threadIdx.x;
  tile[t] = x[t];  // <- bug
  __syncwarp(t < 16 ? 0xffff : 0xffff0000);
#ifdef FIXED
  y[t] = tile[t ^ 15];
#else
  y[t] = tile[t ^ 31];  // <- bug
#endif
}
