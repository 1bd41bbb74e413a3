// Only the first half of a temporary list of indices is written before all of it is read.
//: kernel gather
//: launch grid=1 block=32
//: array x float32 32 range
//: array index int32 32 empty
//: array y float32 32 empty
//: fault uninitialised_address
extern "C" __global__ void gather(const float *x, int *index, float *y) {
  int t = threadIdx.x;
#ifdef FIXED
  index[t] = 31 - t;
#else
  if (t < 16) index[t] = 31 - t;
#endif
  y[t] = x[index[t] & 31];  // <- bug
}
