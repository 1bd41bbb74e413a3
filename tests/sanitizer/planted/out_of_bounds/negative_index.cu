// A gather goes through an index list whose mark for "none", -1, nobody checks.
//: kernel gather
//: launch grid=1 block=32
//: array x float32 32 range
//: array index int32 32 3,-1,5,0
//: array y float32 32 empty
//: fault out_of_bounds
extern "C" __global__ void gather(const float *x, const int *index, float *y) {
  int i = index[threadIdx.x];
#ifdef FIXED
  y[threadIdx.x] = i < 0 ? 0.0f : x[i];
#else
  y[threadIdx.x] = x[i];  // <- bug
#endif
}
