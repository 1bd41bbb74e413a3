// Neither the count nor the index of a list was written: one decides a branch, the other becomes an address.
//: kernel pick
//: launch grid=1 block=32
//: array x int32 64 range
//: array y int32 32 empty
//: fault uninitialised_branch
//: also uninitialised_address
extern "C" __global__ void pick(const int *x, int *y) {
  __shared__ volatile int count, index[32];
  int t = threadIdx.x;
#ifdef FIXED
  count = 4;
  index[t] = t;
#endif
  __syncthreads();
  int taken = 0;
  if (count > 3) taken = x[t];  // <- bug
  y[t] = taken;
  y[t] += x[index[t]];  // <- also uninitialised_address
}
