// Each thread goes through the loop as often as it has elements, and the loop holds a barrier.
//: kernel sums
//: launch grid=1 block=64
//: array y int32 64 empty
//: scalar n int32 100
//: fault divergent_barrier
extern "C" __global__ void sums(int *y, int n) {
  __shared__ int total;
  int t = threadIdx.x;
  if (t == 0) total = 0;
  __syncthreads();
#ifdef FIXED
  for (int first = 0; first < n; first += 64) {
    if (first + t < n) atomicAdd(&total, 1);
    __syncthreads();
  }
#else
#pragma unroll 1
  for (int i = t; i < n; i += 64) {
    atomicAdd(&total, 1);
    __syncthreads();  // <- bug
  }
#endif
  y[t] = total;
}
