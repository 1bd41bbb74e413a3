// The threads of a block exchange values in global memory without a barrier.
//: kernel reverse
//: launch grid=2 block=64
//: array x int32 128 range
//: array room int32 128 zeros
//: array y int32 128 empty
//: fault race
extern "C" __global__ void reverse(const int *x, int *room, int *y) {
  int t = threadIdx.x, first = blockIdx.x * 64;
  room[first + t] = x[first + t];  // <- bug
#ifdef FIXED
  __syncthreads();
#endif
  y[first + t] = room[first + 63 - t];  // <- bug
}
