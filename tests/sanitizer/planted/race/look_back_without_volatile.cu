// A chained scan waits for its predecessor's sum with ordinary loads.
//: kernel scan
//: launch grid=4 block=1
//: array x int32 4 3
//: array sums int32 5 1,0,0,0,0
//: fault race
extern "C" __global__ void scan(const int *x, int *sums) {
  int b = blockIdx.x;
  int before;
#ifdef FIXED
  while ((before = atomicAdd(sums + b, 0)) == 0) {}
  __threadfence();
  atomicExch(sums + b + 1, before + x[b]);
#else
  do {
    __threadfence();
    asm volatile("ld.global.s32 %0, [%1];" : "=r"(before) : "l"(sums + b) : "memory");  // <- bug
  } while (before == 0);
  sums[b + 1] = before + x[b];  // <- bug
#endif
}
