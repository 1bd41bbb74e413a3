// A critical section is left by a plain store after a fence that reaches its own block only.
//: kernel count
//: launch grid=4 block=1
//: array lock int32 1 zeros
//: array total int32 1 zeros
//: fault race
extern "C" __global__ void count(int *lock, int *total) {
  while (atomicCAS(lock, 0, 1) != 0) {}
#ifdef FIXED
  __threadfence();
#else
  __threadfence_block();
#endif
  *total += 1;  // <- bug
#ifdef FIXED
  __threadfence();
#else
  __threadfence_block();
#endif
  atomicExch(lock, 0);
}
