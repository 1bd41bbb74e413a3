// A spin lock is taken and left without a fence, so its critical section may leak out of it.
//: kernel count
//: launch grid=4 block=32
//: array lock int32 1 zeros
//: array total int32 1 zeros
//: fault race
extern "C" __global__ void count(int *lock, int *total) {
  if (threadIdx.x != 0) return;
  while (atomicCAS(lock, 0, 1) != 0) {}
#ifdef FIXED
  __threadfence();
#endif
  *total += 1;  // <- bug
#ifdef FIXED
  __threadfence();
#endif
  atomicExch(lock, 0);
}
