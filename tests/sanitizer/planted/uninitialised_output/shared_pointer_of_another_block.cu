// A block passes the address of its shared memory to another block, where the same address is that block's own memory.
//: kernel pass
//: launch grid=2 block=1
//: array address uint64 1 zeros
//: array room int32 1 empty
//: array y int32 1 empty
//: fault uninitialised_output y
//: remark uninitialised_value
extern "C" __global__ void pass(unsigned long long *address, int *room, int *y) {
#ifdef FIXED
  int *value = room;
#else
  __shared__ int own;
  int *value = &own;
#endif
  if (blockIdx.x == 0) {
    *(volatile int *)value = 3;
    __threadfence();
    atomicExch(address, (unsigned long long)value);
  } else {
    unsigned long long at;
    while ((at = atomicAdd(address, 0ull)) == 0) {}
    __threadfence();
    *y = *(volatile int *)at;  // <- bug
  }
}
