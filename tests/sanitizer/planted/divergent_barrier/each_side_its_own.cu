// Odd and even threads of a warp each have a __syncthreads of their own.
//: kernel sides
//: launch grid=1 block=64
//: array y int32 64 zeros
//: fault divergent_barrier
extern "C" __global__ void sides(int *y) {
  int t = threadIdx.x;
  if (t % 2) {
    y[t] = 1;
#ifndef FIXED
    __syncthreads();  // <- bug
#endif
    y[t] += 5;
  } else {
    y[t] = 2;
#ifndef FIXED
    __syncthreads();  // <- bug
#endif
    y[t] += 7;
  }
#ifdef FIXED
  __syncthreads();
#endif
}
