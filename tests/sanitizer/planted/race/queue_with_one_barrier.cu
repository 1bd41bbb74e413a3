// A persistent block fetches the next job while a slow warp still reads the last one.
//: kernel s
//: launch grid=3 block=64
//: array next int32 1 zeros
//: array y int32 20 zeros
//: fault race
extern "C" __global__ void s(int *next, int *y) {
  __shared__ int job;
  while (true) {
    if (threadIdx.x == 0) job = atomicAdd(next, 1);  // <- bug
    __syncthreads();
    int mine = job;  // <- bug
    if (mine >= 20) break;
    if (threadIdx.x == 63) y[mine] = mine;
#ifdef FIXED
    __syncthreads();
#endif
  }
}
