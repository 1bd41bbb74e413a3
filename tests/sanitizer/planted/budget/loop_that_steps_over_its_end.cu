// A loop that counts in steps of its own stride waits for an exact value that it steps over.
//: kernel turns
//: launch grid=1 block=32
//: array y int32 32 empty
//: scalar end int32 99
//: fault budget
extern "C" __global__ void turns(int *y, int end) {
  int k = 0, turns = 0;
#ifdef FIXED
  while (k < end) {
#else
  while (k != end) {
#endif
    asm volatile("add.s32 %0, %0, 2;" : "+r"(k));  // <- bug
    ++turns;
  }
  y[threadIdx.x] = turns;
}
