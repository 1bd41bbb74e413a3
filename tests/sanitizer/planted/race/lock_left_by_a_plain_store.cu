// A spin lock is left by a plain store to the word that others try to take by atomics.
//: kernel count
//: launch grid=4 block=32
//: array lock int32 1 zeros
//: array total int32 1 zeros
//: fault race
extern "C" __global__ void count(int *lock, int *total) {
  if (threadIdx.x != 0) return;
  while (atomicCAS(lock, 0, 1) != 0) {}  // <- bug
  __threadfence();
  *total += 1;  // <- bug
  __threadfence();
#ifdef FIXED
  atomicExch(lock, 0);
#else
  *lock = 0;  // <- bug
#endif
}
