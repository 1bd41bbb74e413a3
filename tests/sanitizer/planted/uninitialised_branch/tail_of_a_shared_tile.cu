// A search for a maximum also looks at elements of the tile behind the tail, which were not loaded.
//: kernel largest
//: launch grid=1 block=64
//: array x int32 50 range
//: array y int32 1 empty
//: scalar n int32 50
//: fault uninitialised_branch
extern "C" __global__ void largest(const int *x, int *y, int n) {
  __shared__ int tile[64];
  int t = threadIdx.x;
#ifdef FIXED
  tile[t] = t < n ? x[t] : -1;
#else
  if (t < n) tile[t] = x[t];
#endif
  __syncthreads();
  if (t != 0) return;
  int where = 0;
#pragma unroll 1
  for (int k = 1; k < 64; ++k) {
    if (tile[k] <= tile[where]) continue;  // <- bug
    where = k;
    y[0] = where;
  }
}
