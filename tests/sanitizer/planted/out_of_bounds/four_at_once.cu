// Four mistakes: a load and a store out of bounds, a store to a constant, a branch by a value that nobody wrote.
//: kernel many
//: launch grid=1 block=32
//: array x int32 30 range
//: array y int32 32 zeros
//: array flags int32 32 empty
//: fault out_of_bounds
//: also write_to_constant
//: also out_of_bounds
//: also uninitialised_branch
__constant__ int table[32] = {1};
extern "C" __global__ void many(const int *x, int *y, int *flags) {
  int t = threadIdx.x;
#ifdef FIXED
  flags[t] = t & 1;
  int *at = y;
  int shift = 0, here = t < 30 ? x[t] : 0;
#else
  int *at = (int *)table;
  int shift = 4;
  int here = x[t];  // <- bug
#endif
  asm volatile("" : "+l"(at));
  at[t] = here;  // <- also write_to_constant
  y[t + shift] = here + table[0];  // <- also out_of_bounds
  if (flags[t] > 0) y[t] = 1;  // <- also uninitialised_branch
}
