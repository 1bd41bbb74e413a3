// A flag is published with a wide fence, and its reader fences for its own block only.
//: kernel s
//: launch grid=2 block=1
//: array d int32 4 zeros
//: array n uint32 1 zeros
//: array y int32 1 zeros
//: fault race
extern "C" __global__ void s(int *d, unsigned *n, int *y) {
  if (blockIdx.x == 0) {
    d[2] = 5;  // <- bug
    __threadfence();
    atomicExch(n, 1);
  } else {
    while (atomicAdd(n, 0) == 0) {}
#ifdef FIXED
    __threadfence();
#else
    __threadfence_block();
#endif
    *y = d[2];  // <- bug
  }
}
