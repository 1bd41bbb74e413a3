// Whether any lane holds a number is decided by a lane that does; if none of the written ones does, nobody knows.
//: kernel looks
//: launch grid=1 block=32
//: array y int32 32 zeros
//: fault uninitialised_branch
extern "C" __global__ void looks(int *y) {
  __shared__ int tile[32];
  int t = threadIdx.x;
  if (t < 16) tile[t] = t;
  __syncwarp();
#ifdef FIXED
  int wanted = 3;
#else
  int wanted = 99;
#endif
  if (__any_sync(~0u, tile[t] == wanted)) atomicAdd(y + t, 1);  // <- bug
}
