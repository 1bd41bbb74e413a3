// The halo of a shared tile is filled inside the grid only; at the edge it keeps what was there.
//: kernel blur
//: launch grid=2 block=64
//: array x float32 128 range
//: array y float32 128 empty
//: scalar n int32 128
//: fault uninitialised_output y
extern "C" __global__ void blur(const float *x, float *y, int n) {
  __shared__ float tile[66];
  int t = threadIdx.x, i = blockIdx.x * 64 + t;
  tile[t + 1] = x[i];
#ifdef FIXED
  if (t == 0) tile[0] = i > 0 ? x[i - 1] : 0.0f;
  if (t == 63) tile[65] = i + 1 < n ? x[i + 1] : 0.0f;
#else
  if (t == 0 && i > 0) tile[0] = x[i - 1];  // <- bug
  if (t == 63 && i + 1 < n) tile[65] = x[i + 1];
#endif
  __syncthreads();
  y[i] = tile[t] + tile[t + 1] + tile[t + 2];
}
