// Two independent mistakes: the last lanes write behind the array, and a pair is read from an odd word.
//: kernel both
//: launch grid=1 block=32
//: array x float32 65 range
//: array y float32 28 zeros
//: array z float32 64 empty
//: fault out_of_bounds
//: also misaligned
extern "C" __global__ void both(const float *x, float *y, float *z) {
  int t = threadIdx.x;
#ifdef FIXED
  if (t < 28) y[t] = x[t];
  float2 pair = reinterpret_cast<const float2 *>(x)[t];
#else
  y[t] = x[t];  // <- bug
  float2 pair = *reinterpret_cast<const float2 *>(x + 2 * t + (t == 5));  // <- also misaligned
#endif
  z[2 * t] = pair.x;
  z[2 * t + 1] = pair.y;
}
