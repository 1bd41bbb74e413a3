// A float4 is read from a pointer moved by one float.
//: kernel fours
//: launch grid=1 block=16
//: array x float32 68 range
//: array y float32 16 empty
//: fault misaligned
extern "C" __global__ void fours(const float *x, float *y) {
  int i = 4 * threadIdx.x;
#ifdef FIXED
  float4 v = make_float4(x[i + 1], x[i + 2], x[i + 3], x[i + 4]);
  float sum = v.x + v.y + v.z + v.w;
#else
  float4 v = *reinterpret_cast<const float4 *>(x + i + 1);  // <- bug
  float sum = v.x + v.y + v.z + v.w;
#endif
  y[threadIdx.x] = sum;
}
