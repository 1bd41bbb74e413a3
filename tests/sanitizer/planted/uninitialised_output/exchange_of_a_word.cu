// atomicExch gives a word its first value, which atomicAdd cannot do.
//: kernel publish
//: launch grid=1 block=32
//: array y uint32 32 empty
//: fault uninitialised_output y
//: remark uninitialised_value
extern "C" __global__ void publish(unsigned *y) {
#ifdef FIXED
  atomicExch(y + threadIdx.x, 7u);
#else
  atomicAdd(y + threadIdx.x, 7u);  // <- bug
#endif
}
