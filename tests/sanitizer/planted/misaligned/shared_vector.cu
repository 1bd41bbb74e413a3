// Rows of a shared tile are padded to 33 floats, so that a float2 in odd rows is not aligned.
//: kernel rows
//: launch grid=1 block=32
//: array x float32 32 range
//: array y float32 64 empty
//: fault misaligned
#ifdef FIXED
#define PITCH 34
#else
#define PITCH 33
#endif
extern "C" __global__ void rows(const float *x, float *y) {
  __shared__ __align__(16) float tile[32 * PITCH];
  int t = threadIdx.x;
  for (int k = 0; k < PITCH; ++k) tile[t * PITCH + k] = x[t] + k;
  float2 v = *reinterpret_cast<float2 *>(tile + t * PITCH);  // <- bug
  y[2 * t] = v.x;
  y[2 * t + 1] = v.y;
}
