// A store through a generic pointer goes to a table in constant memory.
//: kernel tune
//: launch grid=1 block=32
//: array room int32 32 zeros
//: array y int32 32 empty
//: fault write_to_constant
__constant__ int table[32] = {5};
extern "C" __global__ void tune(int *room, int *y) {
#ifdef FIXED
  int *to = room + threadIdx.x;
#else
  const int *to = table + threadIdx.x;
#endif
  asm volatile("st.s32 [%0], %1;" ::"l"(to), "r"(7) : "memory");  // <- bug
  y[threadIdx.x] = table[threadIdx.x];
}
