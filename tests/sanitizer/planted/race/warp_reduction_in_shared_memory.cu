// The last steps of a reduction rely on the lanes of a warp going in step.
//: kernel total
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 1 empty
//: fault race
extern "C" __global__ void total(const int *x, int *y) {
  __shared__ volatile int tile[32];
  int t = threadIdx.x;
  tile[t] = x[t];
  __syncwarp();
#pragma unroll 1
  for (int step = 16; step > 0; step /= 2) {
    int other = tile[(t + step) & 31];  // <- bug
#ifdef FIXED
    __syncwarp();
#endif
    tile[t] = tile[t] + other;  // <- bug
#ifdef FIXED
    __syncwarp();
#endif
  }
  if (t == 0) y[0] = tile[0];
}
