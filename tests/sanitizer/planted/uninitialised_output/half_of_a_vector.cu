// Only two of four components of a vector are set before it is stored.
//: kernel fields
//: launch grid=1 block=16
//: array x float32 16 range
//: array room float32 64 empty
//: array y float32 64 empty
//: fault uninitialised_output y
//: remark uninitialised_value
extern "C" __global__ void fields(const float *x, float *room, float *y) {
  int t = threadIdx.x;
  room[4 * t] = x[t];
  room[4 * t + 1] = -x[t];
#ifdef FIXED
  room[4 * t + 2] = room[4 * t + 3] = 0.0f;
#endif
  asm volatile("" ::: "memory");
  float4 v = *reinterpret_cast<float4 *>(room + 4 * t);
  *reinterpret_cast<float4 *>(y + 4 * t) = v;  // <- bug
}
