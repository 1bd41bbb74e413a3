// Rows of a tile for ldmatrix lie 20 bytes apart, and each must begin at a multiple of 16.
//: kernel rows
//: launch grid=1 block=32
//: array y uint32 32 empty
//: fault misaligned
#ifdef FIXED
#define PITCH 8
#else
#define PITCH 5
#endif
extern "C" __global__ void rows(unsigned *y) {
  __shared__ __align__(16) unsigned tile[264];
  int t = threadIdx.x;
  for (int i = t; i < 264; i += 32) tile[i] = i;
  __syncwarp();
  unsigned at = (unsigned)__cvta_generic_to_shared(tile + t * PITCH), row;
  asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(row) : "r"(at));  // <- bug
  y[t] = row;
}
