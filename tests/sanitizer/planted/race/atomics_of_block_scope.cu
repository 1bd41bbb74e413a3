// Blocks count in one word of global memory with atomics whose scope is one block.
//: kernel count
//: launch grid=4 block=32
//: array y int32 1 zeros
//: fault race
extern "C" __global__ void count(int *y) {
#ifdef FIXED
  atomicAdd(y, 1);
#else
  atomicAdd_block(y, 1);  // <- bug
#endif
}
