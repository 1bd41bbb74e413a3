// The caller passes a slice that is not aligned for the vector store.
//: kernel clear
//: launch grid=1 block=16
//: array y float32 64 zeros skew=4
//: fault misaligned
extern "C" __global__ void clear(float *y) {
  int i = 4 * threadIdx.x;
#ifdef FIXED
  for (int k = 0; k < 4; ++k) y[i + k] = 1.0f;
#else
  *reinterpret_cast<float4 *>(y + i) = make_float4(1, 1, 1, 1);  // <- bug
#endif
}
