// A ticket lock is left without a fence before its number is handed on.
//: kernel s
//: launch grid=6 block=32
//: array next uint32 1 zeros
//: array serving uint32 1 zeros
//: array total int32 1 zeros
//: fault race
extern "C" __global__ void s(unsigned *next, volatile unsigned *serving, int *total) {
  if (threadIdx.x == 0) {
    unsigned mine = atomicAdd(next, 1);
    while (*serving != mine) {}
    __threadfence();
    *total += 3;  // <- bug
#ifdef FIXED
    __threadfence();
#endif
    *serving = mine + 1;
  }
}
