// cp.async of 16 bytes reads behind the end; the form with a source size would fill with zeros.
//: kernel stage
//: launch grid=1 block=32
//: array x float32 122 range
//: array y float32 128 empty
//: scalar n int32 122
//: fault out_of_bounds
extern "C" __global__ void stage(const float *x, float *y, int n) {
  __shared__ __align__(16) float tile[128];
  int i = 4 * threadIdx.x;
  unsigned to = (unsigned)__cvta_generic_to_shared(tile + i);
#ifdef FIXED
  int bytes = max(0, min(16, 4 * (n - i)));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(x + i), "r"(bytes));
#else
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" ::"r"(to), "l"(x + i));  // <- bug
#endif
  asm volatile("cp.async.wait_all;" ::: "memory");
  for (int k = 0; k < 4; ++k) y[i + k] = tile[i + k];
}
