// The barrier stands in a branch that the second warp does not take, and the second warp waits for another.
//: kernel halves
//: launch grid=1 block=64
//: array y int32 64 zeros
//: fault divergent_barrier
extern "C" __global__ void halves(int *y) {
  __shared__ int tile[64];
  tile[threadIdx.x] = threadIdx.x;
#ifdef FIXED
  __syncthreads();
#else
  if (threadIdx.x < 16) __syncthreads();  // <- bug
#endif
  y[threadIdx.x] = tile[threadIdx.x] + 1;
}
