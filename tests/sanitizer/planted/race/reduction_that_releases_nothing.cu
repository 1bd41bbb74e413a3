// Writers announce themselves by a red that is relaxed in the buggy text and releases in the fixed one.
//: kernel s
//: launch grid=4 block=32
//: array part int32 128 zeros
//: array n uint32 1 zeros
//: array y int32 32 zeros
//: fault race
extern "C" __global__ void s(int *part, unsigned *n, int *y) {
  int t = threadIdx.x;
  if (blockIdx.x != 3) {
    part[blockIdx.x * 32 + t] = t;  // <- bug
    __syncwarp();
    if (t == 0)
#ifdef FIXED
      asm volatile("red.release.gpu.global.add.u32 [%0], 1;" :: "l"(n) : "memory");
#else
      asm volatile("red.relaxed.gpu.global.add.u32 [%0], 1;" :: "l"(n) : "memory");
#endif
  } else {
    unsigned v;
    if (t == 0) do { asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(n) : "memory"); } while (v < 3);
    __syncwarp();
    y[t] = part[t] + part[32 + t] + part[64 + t];  // <- bug
  }
}
