// Keys of 64 bits are compared whose lower halves nobody wrote; where the upper halves differ these alone decide.
//: kernel order
//: launch grid=1 block=32
//: array x int32 32 range
//: array keys int32 64 empty
//: array y int32 32 zeros
//: fault uninitialised_branch
extern "C" __global__ void order(const int *x, int *keys, int *y) {
  int t = threadIdx.x;
#ifdef FIXED
  keys[2 * t + 1] = x[t];
#else
  keys[2 * t + 1] = x[t] / 2;
#endif
  __syncwarp();
  const volatile unsigned long long *wide = reinterpret_cast<const volatile unsigned long long *>(keys);
  unsigned long long mine = wide[t], next = wide[(t + 1) & 31];
  if (mine < next) y[t] = atomicAdd(y + t, 1) + 1;  // <- bug
}
