// All threads add to one word of shared memory without an atomic.
//: kernel count
//: launch grid=1 block=64
//: array y int32 1 empty
//: fault race
extern "C" __global__ void count(int *y) {
  __shared__ int total;
  if (threadIdx.x == 0) total = 0;
  __syncthreads();
#ifdef FIXED
  atomicAdd(&total, 1);
#else
  total += 1;  // <- bug
#endif
  __syncthreads();
  if (threadIdx.x == 0) y[0] = total;
}
