// Lanes beyond n read a tile that is filled up to n; the fixed text asks for the length before the value.
//: kernel large
//: launch grid=1 block=32
//: array x int32 20 range
//: array y int32 32 zeros
//: scalar n int32 20
//: fault uninitialised_branch
extern "C" __global__ void large(const int *x, int *y, int n) {
  __shared__ volatile int tile[32];
  int t = threadIdx.x;
  if (t < n) tile[t] = x[t];
  int value = tile[t];
#ifdef FIXED
  if (t < n && value > 3)
#else
  if (value > 3)  // <- bug
#endif
    atomicExch(y + t, 1);
  else
    atomicExch(y + t, 2);
}
