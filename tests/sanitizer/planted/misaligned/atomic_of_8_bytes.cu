// A 64-bit counter lies behind a 32-bit one without padding.
//: kernel count
//: launch grid=1 block=32
//: array record uint32 4 zeros
//: fault misaligned
extern "C" __global__ void count(unsigned *record) {
#ifdef FIXED
  atomicAdd(reinterpret_cast<unsigned long long *>(record + 2), 1ull);
#else
  atomicAdd(reinterpret_cast<unsigned long long *>(record + 1), 1ull);  // <- bug
#endif
}
