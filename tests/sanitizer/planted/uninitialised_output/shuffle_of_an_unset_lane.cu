// Lanes beyond n take part in a warp sum with what they read from an unfilled tile.
//: kernel total
//: launch grid=1 block=32
//: array x float32 20 range
//: array y float32 1 empty
//: scalar n int32 20
//: fault uninitialised_output y
extern "C" __global__ void total(const float *x, float *y, int n) {
  __shared__ float tile[32];
  int t = threadIdx.x;
#ifdef FIXED
  tile[t] = 0.0f;
#endif
  if (t < n) tile[t] = x[t];
  float sum = ((volatile float *)tile)[t];  // <- bug
  for (int step = 16; step > 0; step /= 2) sum += __shfl_down_sync(~0u, sum, step);
  if (t == 0) y[0] = sum;
}
