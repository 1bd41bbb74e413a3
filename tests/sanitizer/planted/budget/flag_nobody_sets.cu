// A consumer waits for a value of the flag that the producer does not write.
//: kernel hand_over
//: launch grid=2 block=1
//: array flag int32 1 zeros
//: array room int32 1 empty
//: array y int32 1 empty
//: fault budget
extern "C" __global__ void hand_over(volatile int *flag, volatile int *room, int *y) {
  if (blockIdx.x == 0) {
    *room = 42;
    __threadfence();
#ifdef FIXED
    *flag = 2;
#else
    *flag = 1;
#endif
  } else {
    while (*flag != 2) {}  // <- bug
    __threadfence();
    *y = *room;
  }
}
