// A value that nobody wrote is moved through shared memory and a shuffle before it decides something.
//: kernel pass
//: launch grid=1 block=32
//: array x int32 32 empty
//: array y int32 32 zeros
//: fault uninitialised_branch
extern "C" __global__ void pass(int *x, int *y) {
  __shared__ volatile int room[32];
  int t = threadIdx.x;
#ifdef FIXED
  x[t] = t;
  __syncwarp();
#endif
  room[t] = x[t];
  __syncwarp();
  int moved = __shfl_xor_sync(0xffffffff, room[t ^ 3], 1);
  if (moved > 7) y[t] = atomicAdd(y + t, 1) + 1;  // <- bug
}
