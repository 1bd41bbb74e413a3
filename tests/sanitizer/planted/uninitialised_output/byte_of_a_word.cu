// Three bytes of a pixel are written, and four are copied.
//: kernel pixels
//: launch grid=1 block=32
//: array bytes uint8 128 empty
//: array y uint32 32 empty
//: fault uninitialised_output y
//: remark uninitialised_value
extern "C" __global__ void pixels(unsigned char *bytes, unsigned *y) {
  unsigned char *mine = bytes + 4 * threadIdx.x;
#ifdef FIXED
  const int channels = 4;
#else
  const int channels = 3;
#endif
#pragma unroll 1
  for (int k = 0; k < channels; ++k) mine[k] = k + 1;
  __syncwarp();
  y[threadIdx.x] = *reinterpret_cast<unsigned *>(mine);  // <- bug
}
