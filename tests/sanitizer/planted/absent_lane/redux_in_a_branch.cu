// A warp sum over the lanes that are not zero names all of them.
//: kernel sum
//: launch grid=1 block=32
//: array x uint32 32 range
//: array y uint32 32 zeros
//: fault absent_lane
extern "C" __global__ void sum(const unsigned *x, unsigned *y) {
  unsigned value = x[threadIdx.x], mask = 0xfffffffeu, total = 0;
#ifndef FIXED
  mask = ~0u;
#endif
  if (value != 0) total = __reduce_add_sync(mask, value);  // <- bug
  y[threadIdx.x] = __shfl_xor_sync(~0u, total, 1);
}
