// Two warps set bit fields that share bytes; the fixed text gives each field its own half of the word.
//: kernel s
//: launch grid=1 block=64
//: array y uint32 4 zeros
//: fault race
struct B { unsigned a : 16, b : 16; };
struct C { unsigned a : 5, b : 27; };
extern "C" __global__ void s(B *y) {
  int t = threadIdx.x;
#ifdef FIXED
  if (t == 0) y->a = 3; if (t == 32) y->b = 4;
#else
  if (t == 0) ((C *)y)->a = 3;  // <- bug
  if (t == 32) ((C *)y)->b = 4; // <- bug
#endif
}
