// Bins of shared memory are cleared by one warp while others add to them already.
//: kernel histogram
//: launch grid=1 block=128
//: array x int32 128 range
//: array bins int32 8 empty
//: fault race
extern "C" __global__ void histogram(const int *x, int *bins) {
  __shared__ int own[8];
  int t = threadIdx.x;
  if (t < 8) own[t] = 0;  // <- bug
#ifdef FIXED
  __syncthreads();
#endif
  atomicAdd(own + x[t] % 8, 1);  // <- bug
  __syncthreads();
  if (t < 8) bins[t] = own[t];
}
