// A slot is claimed by a compare-and-swap whose new value was never written.
//: kernel claim
//: launch grid=1 block=32
//: array slots uint32 32 zeros
//: array room uint32 32 empty
//: fault uninitialised_output slots
//: remark uninitialised_value
extern "C" __global__ void claim(unsigned *slots, volatile unsigned *room) {
  int t = threadIdx.x;
#ifdef FIXED
  room[t] = t + 1;
#endif
  atomicCAS(slots + t, 0u, room[t]);  // <- bug
}
