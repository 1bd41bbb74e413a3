// A shuffle brings lanes together but orders none of their memory accesses.
//: kernel swap
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault race
extern "C" __global__ void swap(const int *x, int *y) {
  __shared__ int tile[32];
  int t = threadIdx.x;
  tile[t] = x[t];  // <- bug
#ifdef FIXED
  __syncwarp();
#endif
  int next = __shfl_sync(0xffffffff, t, (t + 1) & 31);
  y[t] = tile[next];  // <- bug
}
