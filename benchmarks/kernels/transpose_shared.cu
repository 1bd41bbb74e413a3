// Transposes a matrix through a padded tile of shared memory, so that reads and writes are coalesced.
extern "C" __global__ void transpose_shared(const float* in, float* out, int width, int height) {
  __shared__ float tile[32][33];
  const int left = blockIdx.x * 32, top = blockIdx.y * 32;
  for (int row = threadIdx.y; row < 32; row += 8) {
    const int x = left + threadIdx.x, y = top + row;
    if (x < width && y < height) tile[row][threadIdx.x] = in[(size_t)y * width + x];
  }
  __syncthreads();
  for (int row = threadIdx.y; row < 32; row += 8) {
    const int x = top + threadIdx.x, y = left + row;
    if (x < height && y < width) out[(size_t)y * height + x] = tile[threadIdx.x][row];
  }
}
