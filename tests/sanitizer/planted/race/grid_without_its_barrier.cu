// All blocks read what all have written, with no barrier of the grid between.
//: kernel turn
//: launch grid=4 block=32
//: array room int32 128 zeros
//: array arrived uint32 1 zeros
//: array y int32 128 empty
//: fault race
extern "C" __global__ void turn(int *room, unsigned *arrived, int *y) {
  int i = blockIdx.x * 32 + threadIdx.x;
  room[i] = i + 1;  // <- bug
#ifdef FIXED
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    atomicAdd(arrived, 1u);
    while (*(volatile unsigned *)arrived != gridDim.x) {}
    __threadfence();
  }
  __syncthreads();
#endif
  y[i] = room[127 - i];  // <- bug
}
