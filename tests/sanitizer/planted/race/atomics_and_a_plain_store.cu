// A counter that other threads add to is set by a plain store.
//: kernel count
//: launch grid=4 block=32
//: array y int32 1 zeros
//: fault race
extern "C" __global__ void count(int *y) {
#ifdef FIXED
  if (blockIdx.x == 0 && threadIdx.x == 0) atomicAdd(y, 100);
#else
  if (blockIdx.x == 0 && threadIdx.x == 0) *y = 100;  // <- bug
#endif
  atomicAdd(y, 1);  // <- bug
}
