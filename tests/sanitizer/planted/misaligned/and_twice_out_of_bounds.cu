// A misaligned vector store, and after it an atomic and an asynchronous copy out of bounds.
//: kernel mixed
//: launch grid=1 block=32
//: array x float32 132 range
//: array y float32 132 zeros
//: array bins int32 8 zeros
//: fault misaligned
//: also out_of_bounds
//: also out_of_bounds
extern "C" __global__ void mixed(const float *x, float *y, int *bins) {
  __shared__ __align__(16) float tile[128];
  int t = threadIdx.x;
#ifdef FIXED
  const int skew = 0, mask = 7, last = 0;
#else
  const int skew = 1, mask = 15, last = 4;
#endif
  float4 v = make_float4(x[t], x[t], x[t], x[t]);
  *reinterpret_cast<float4 *>(y + 4 * t + skew) = v;  // <- bug
  atomicAdd(bins + (t & mask), 1);  // <- also out_of_bounds
  unsigned to = (unsigned)__cvta_generic_to_shared(tile + 4 * t);
  const float *from = x + 4 * t + 2 * last;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from));  // <- also out_of_bounds
  asm volatile("cp.async.wait_all;" ::: "memory");
  __syncthreads();
  y[t] = tile[t];
}
