// Two lanes copy different rows into one place. Of the same row they may: cooperative groups fill up a round so.
//: kernel stage
//: launch grid=1 block=32
//: array x float32 128 range
//: array y float32 32 empty
//: fault race
extern "C" __global__ void stage(const float *x, float *y) {
  __shared__ __align__(16) float tile[64];
  int t = threadIdx.x, to = t & 15;
#ifdef FIXED
  int from = to;
#else
  int from = t;
#endif
  unsigned place = (unsigned)__cvta_generic_to_shared(tile + 4 * to);
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" ::"r"(place), "l"(x + 4 * from));  // <- bug
  asm volatile("cp.async.wait_all;" ::: "memory");
  __syncwarp();
  y[t] = tile[t];
}
