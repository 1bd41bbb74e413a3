// A Hillis-Steele scan in one buffer reads and writes it between the same two barriers.
//: kernel scan
//: launch grid=1 block=128
//: array x int32 128 ones
//: array y int32 128 empty
//: fault race
//: order
extern "C" __global__ void scan(const int *x, int *y) {
  __shared__ int tile[128];
  int t = threadIdx.x;
  tile[t] = x[t];
  __syncthreads();
#pragma unroll 1
  for (int step = 1; step < 128; step *= 2) {
#ifdef FIXED
    int other = t >= step ? tile[t - step] : 0;
    __syncthreads();
    tile[t] += other;
#else
    if (t >= step) tile[t] += tile[t - step];  // <- bug
#endif
    __syncthreads();
  }
  y[t] = tile[t];
}
