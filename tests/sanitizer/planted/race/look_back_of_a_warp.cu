// A whole warp looks back at the blocks before it, by loads that are relaxed instead of acquiring.
//: kernel scan
//: launch grid=40 block=32
//: array st int32 40 zeros
//: array agg int32 40 zeros
//: array inc int32 40 zeros
//: array y int32 40 empty
//: fault race
__device__ int ld(const int *p) { int v;
#ifdef FIXED
  asm volatile("ld.acquire.gpu.global.s32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
#else
  asm volatile("ld.relaxed.gpu.global.s32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
#endif
  return v; }
__device__ void str(int *p, int v) { asm volatile("st.release.gpu.global.s32 [%0], %1;" :: "l"(p), "r"(v) : "memory"); }
extern "C" __global__ void scan(int *st, int *agg, int *inc, int *y) {
  int b = blockIdx.x, t = threadIdx.x, own = b + 1;
  if (t == 0) { agg[b] = own; str(st + b, 1); }  // <- bug
  __syncwarp();
  int sum = 0, at = b - 1;
  while (at >= 0) {
    int i = at - t, f = 2, v = 0;
    if (i >= 0) {
      do { f = ld(st + i); } while (f == 0);
      v = f == 2 ? inc[i] : agg[i];  // <- bug
    }
    unsigned full = __ballot_sync(~0u, f == 2);
    int last = full ? __ffs(full) - 1 : 31;
    int add = t <= last ? v : 0;
    for (int d = 16; d; d /= 2) add += __shfl_xor_sync(~0u, add, d);
    sum += add;
    if (full) break;
    at -= 32;
  }
  if (t == 0) { inc[b] = sum + own; str(st + b, 2); y[b] = sum + own; }  // <- bug
}
