// A function is given a pointer that it does not know to be one to shared memory, and no barrier is passed.
//: kernel reverse
//: launch grid=1 block=64
//: array x int32 64 range
//: array y int32 64 empty
//: array other int32 64 empty
//: scalar where int32 0
//: fault race
__device__ __noinline__ void put(int *to, int value) { *to = value; }  // <- bug
extern "C" __global__ void reverse(const int *x, int *y, int *other, int where) {
  __shared__ int tile[64];
  int t = threadIdx.x;
  int *room = where ? other : tile;
  put(room + t, x[t]);
#ifdef FIXED
  __syncthreads();
#endif
  y[t] = room[63 - t];  // <- bug
}
