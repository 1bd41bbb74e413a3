// A private histogram in local memory is not cleared before it is counted in.
//: kernel digits
//: launch grid=1 block=32
//: array x int32 256 range
//: array y int32 128 empty
//: fault uninitialised_output y
//: remark uninitialised_value
extern "C" __global__ void digits(const int *x, int *y) {
  int bins[4];
#ifdef FIXED
#pragma unroll 1
  for (int k = 0; k < 4; ++k) bins[k] = 0;
#endif
#pragma unroll 1
  for (int k = 0; k < 8; ++k) ++bins[x[threadIdx.x * 8 + k] & 3];  // <- bug
#pragma unroll 1
  for (int k = 0; k < 4; ++k) y[threadIdx.x * 4 + k] = bins[k];  // <- remark
}
