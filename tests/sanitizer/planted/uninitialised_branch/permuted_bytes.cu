// __byte_perm puts bytes of a word in another order; the buggy text selects one that nobody wrote.
//: kernel turn
//: launch grid=1 block=32
//: array x uint8 64 range
//: array y int32 32 zeros
//: fault uninitialised_branch
extern "C" __global__ void turn(const unsigned char *x, int *y) {
  __shared__ unsigned char bytes[128];
  int t = threadIdx.x;
  bytes[4 * t] = x[2 * t];
  bytes[4 * t + 1] = x[2 * t + 1];
  __syncwarp();
  unsigned word = reinterpret_cast<volatile unsigned *>(bytes)[t];
#ifdef FIXED
  unsigned turned = __byte_perm(word, 0, 0x4401);
#else
  unsigned turned = __byte_perm(word, 0, 0x4402);
#endif
  if (turned > 20) y[t] = atomicAdd(y + t, 1) + 2;  // <- bug
}
