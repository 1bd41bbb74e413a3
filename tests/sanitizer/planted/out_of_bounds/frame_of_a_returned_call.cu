// A function returns a pointer to its own local array.
//: kernel dangling
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault out_of_bounds
__device__ __noinline__ int *table(const int *x, int *room) {
#ifdef FIXED
  int *own = room;
#else
  int own[8];
#endif
#pragma unroll 1
  for (int k = 0; k < 8; ++k) own[k] = x[(k + threadIdx.x) & 31];
  int *result;
  asm volatile("mov.u64 %0, %1;" : "=l"(result) : "l"(own) : "memory");
  return result;
}
extern "C" __global__ void dangling(const int *x, int *y) {
  int room[8];
  int *values = table(x, room);
  y[threadIdx.x] = values[x[threadIdx.x] & 7];  // <- bug
}
