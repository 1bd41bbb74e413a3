// The first thread to take a lock keeps it, and the others wait for ever.
//: kernel count
//: launch grid=4 block=1
//: array lock int32 1 zeros
//: array total int32 1 zeros
//: fault budget
extern "C" __global__ void count(int *lock, int *total) {
  while (atomicCAS(lock, 0, 1) != 0) {}  // <- bug
  __threadfence();
  *(volatile int *)total += 1;
  __threadfence();
#ifdef FIXED
  atomicExch(lock, 0);
#endif
}
