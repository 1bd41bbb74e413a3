// A flag tells another block that data are there, but nothing orders the data before the flag.
//: kernel hand_over
//: launch grid=2 block=1
//: array flag int32 1 zeros
//: array room int32 1 zeros
//: array y int32 1 empty
//: fault race
extern "C" __global__ void hand_over(volatile int *flag, int *room, int *y) {
  if (blockIdx.x == 0) {
    *room = 42;  // <- bug
#ifdef FIXED
    __threadfence();
#endif
    *flag = 1;
  } else {
    while (*flag != 1) {}
#ifdef FIXED
    __threadfence();
#endif
    *y = *room;  // <- bug
  }
}
