// Rows are addressed with the padded pitch, but the matrix was allocated without padding.
//: kernel row_sums
//: launch grid=1 block=32
//: array m float32 960 ones
//: array sums float32 32 empty
//: scalar width int32 30
//: scalar pitch int32 32
//: fault out_of_bounds
extern "C" __global__ void row_sums(const float *m, float *sums, int width, int pitch) {
  int row = threadIdx.x;
  float sum = 0.0f;
  for (int column = 0; column < width; ++column) {
#ifdef FIXED
    sum += m[row * width + column];
#else
    sum += m[row * pitch + column];  // <- bug
#endif
  }
  sums[row] = sum;
}
