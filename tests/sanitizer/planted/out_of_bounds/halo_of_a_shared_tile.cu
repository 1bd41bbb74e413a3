// The tile in shared memory has room for one halo element, but two are written.
//: kernel blur
//: launch grid=2 block=64
//: array x float32 130 range
//: array y float32 128 empty
//: fault out_of_bounds
#ifdef FIXED
#define TILE 66
#else
#define TILE 65
#endif
extern "C" __global__ void blur(const float *x, float *y) {
  __shared__ float tile[TILE];
  int t = threadIdx.x, i = blockIdx.x * 64 + t;
  tile[t] = x[i];
  if (t < 2) tile[t + 64] = x[i + 64];  // <- bug
  __syncthreads();
  y[i] = tile[t] + tile[t + 1] + (TILE > 65 ? tile[t + 2] : 0.0f);
}
