// Threads take places in a queue by a plain increment of its length.
//: kernel push
//: launch grid=2 block=32
//: array x int32 64 range
//: array length int32 1 zeros
//: array queue int32 64 zeros
//: fault race
extern "C" __global__ void push(const int *x, int *length, int *queue) {
  int i = blockIdx.x * 32 + threadIdx.x;
  if (x[i] % 2) return;
#ifdef FIXED
  queue[atomicAdd(length, 1)] = 1;
#else
  queue[(*length)++] = 1;  // <- bug
#endif
}
