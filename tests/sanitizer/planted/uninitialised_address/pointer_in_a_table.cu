// A table of pointers has an entry that nobody filled.
//: kernel follow
//: launch grid=1 block=32
//: array x float32 32 range
//: array table uint64 2 empty
//: array y float32 32 empty
//: fault uninitialised_address
extern "C" __global__ void follow(const float *x, const float **table, float *y) {
  int t = threadIdx.x;
  if (t == 0) {
    table[0] = x;
#ifdef FIXED
    table[1] = x + 16;
#endif
  }
  __syncwarp();
  y[t] = table[t / 16][t % 16];  // <- bug
}
