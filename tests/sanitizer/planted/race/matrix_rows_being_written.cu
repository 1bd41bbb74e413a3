// ldmatrix takes a tile of which other warps are still writing rows.
//: kernel fragments
//: launch grid=1 block=64
//: array x uint16 256 range
//: array y uint32 64 empty
//: fault race
extern "C" __global__ void fragments(const unsigned short *x, unsigned *y) {
  __shared__ __align__(16) unsigned short tile[256];
  int t = threadIdx.x;
  for (int k = t; k < 256; k += 64) tile[k] = x[k];  // <- bug
#ifdef FIXED
  __syncthreads();
#endif
  unsigned at = (unsigned)__cvta_generic_to_shared(tile + (t / 32) * 64 + (t % 8) * 8), value;
  asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(value) : "r"(at) : "memory");  // <- bug
  y[t] = value;
}
