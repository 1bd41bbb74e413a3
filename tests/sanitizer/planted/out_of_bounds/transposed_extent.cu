// A matrix that is not square is transposed with the guards of rows and columns exchanged.
//: kernel transpose
//: launch grid=3,2 block=16,16
//: array m float32 960 range
//: array t float32 960 empty
//: scalar rows int32 24
//: scalar columns int32 40
//: fault out_of_bounds
extern "C" __global__ void transpose(const float *m, float *t, int rows, int columns) {
  int x = blockIdx.x * 16 + threadIdx.x, y = blockIdx.y * 16 + threadIdx.y;
#ifdef FIXED
  if (x < columns && y < rows)
#else
  if (y < columns && x < columns)
#endif
    t[x * rows + y] = m[y * columns + x];  // <- bug
}
