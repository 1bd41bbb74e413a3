// cp.async of 16 bytes goes to a destination that is aligned to 4.
//: kernel stage
//: launch grid=1 block=16
//: array x float32 64 range
//: array y float32 64 empty
//: fault misaligned
extern "C" __global__ void stage(const float *x, float *y) {
  __shared__ __align__(16) float tile[72];
#ifdef FIXED
  float *mine = tile + 4 * threadIdx.x;
#else
  float *mine = tile + 1 + 4 * threadIdx.x;
#endif
  unsigned to = (unsigned)__cvta_generic_to_shared(mine);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(x + 4 * threadIdx.x));  // <- bug
  asm volatile("cp.async.wait_all;" ::: "memory");
  for (int k = 0; k < 4; ++k) y[4 * threadIdx.x + k] = mine[k];
}
