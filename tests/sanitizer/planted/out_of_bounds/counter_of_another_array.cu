// A shared counter is chosen by a number that is not below the number of counters, so another array is counted up.
//: kernel count
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault out_of_bounds
extern "C" __global__ void count(const int *x, int *y) {
  __shared__ int counters[16], totals[32];
  int t = threadIdx.x;
  if (t < 16) counters[t] = 0;
  totals[t] = 0;
  __syncthreads();
#ifdef FIXED
  atomicAdd(counters + (x[t] & 15), 1);
#else
  atomicAdd(counters + x[t], 1);  // <- bug
#endif
  __syncthreads();
  y[t] = totals[t] + counters[t & 15];
}
