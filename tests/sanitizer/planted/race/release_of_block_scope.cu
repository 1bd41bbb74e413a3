// A flag for another block is released and acquired with block scope only.
//: kernel hand_over
//: launch grid=2 block=1
//: array flag int32 1 zeros
//: array room int32 1 zeros
//: array y int32 1 empty
//: fault race
extern "C" __global__ void hand_over(int *flag, int *room, int *y) {
  int seen = 0;
  if (blockIdx.x == 0) {
    *room = 42;
#ifdef FIXED
    asm volatile("st.release.gpu.global.s32 [%0], 1;" ::"l"(flag) : "memory");
#else
    asm volatile("st.release.cta.global.s32 [%0], 1;" ::"l"(flag) : "memory");  // <- bug
#endif
  } else {
    do {
#ifdef FIXED
      asm volatile("ld.acquire.gpu.global.s32 %0, [%1];" : "=r"(seen) : "l"(flag) : "memory");
#else
      asm volatile("ld.acquire.cta.global.s32 %0, [%1];" : "=r"(seen) : "l"(flag) : "memory");  // <- bug
#endif
    } while (seen == 0);
    *y = *room;
  }
}
