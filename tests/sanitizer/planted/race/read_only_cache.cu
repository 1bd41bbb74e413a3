// Each thread reads its neighbour's word, which this launch has written, through the read-only cache.
//: kernel shift
//: launch grid=2 block=64
//: array x float32 128 range
//: array t float32 128 empty
//: array y float32 128 empty
//: fault race
extern "C" __global__ void shift(const float *x, float *t, float *y) {
  int i = blockIdx.x * 64 + threadIdx.x, next = blockIdx.x * 64 + (threadIdx.x + 1) % 64;
  t[i] = 2 * x[i];  // <- bug
  __syncthreads();
#ifdef FIXED
  y[i] = t[next];
#else
  y[i] = __ldg(t + next);  // <- bug
#endif
}
