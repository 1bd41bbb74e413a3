// The column index of a tile is used as its row, and the tile has fewer rows than columns.
//: kernel tile_copy
//: launch grid=1 block=32,8
//: array x float32 256 range
//: array y float32 256 empty
//: fault out_of_bounds
extern "C" __global__ void tile_copy(const float *x, float *y) {
  __shared__ float tile[8][32];
  int c = threadIdx.x, r = threadIdx.y;
#ifdef FIXED
  tile[r][c] = x[r * 32 + c];
#else
  tile[c][r] = x[r * 32 + c];  // <- bug
#endif
  __syncthreads();
  y[r * 32 + c] = tile[r][c];
}
