// The last float4 begins inside the array and ends behind it.
//: kernel add_one
//: launch grid=1 block=32
//: array x float32 126 range
//: array y float32 126 zeros
//: scalar n int32 126
//: fault out_of_bounds
extern "C" __global__ void add_one(const float *x, float *y, int n) {
  int i = 4 * threadIdx.x;
  if (i >= n) return;
#ifdef FIXED
  if (i + 3 >= n) {
    for (; i < n; ++i) y[i] = x[i] + 1.0f;
    return;
  }
#endif
  float4 v = *reinterpret_cast<const float4 *>(x + i);  // <- bug
  *reinterpret_cast<float4 *>(y + i) = make_float4(v.x + 1, v.y + 1, v.z + 1, v.w + 1);
}
