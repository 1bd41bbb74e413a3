// A 7-point stencil in three dimensions: planes pass through registers, the current one through shared memory.
constexpr int TX = 16, TY = 8;

extern "C" __global__ void stencil3d(const float *__restrict__ in, float *__restrict__ out, int nx, int ny, int nz,
                                     float c0, float c1) {
  __shared__ float plane[TY + 2][TX + 2];
  const int x = blockIdx.x * TX + threadIdx.x, y = blockIdx.y * TY + threadIdx.y;
  const int tx = threadIdx.x + 1, ty = threadIdx.y + 1;
  auto at = [&](int i, int j, int k) {
    return i >= 0 && i < nx && j >= 0 && j < ny && k >= 0 && k < nz ? in[((size_t)k * ny + j) * nx + i] : 0.0f;
  };
  float behind = 0.0f, current = at(x, y, 0), ahead;
  for (int z = 0; z < nz; z++) {
    ahead = at(x, y, z + 1);
    plane[ty][tx] = current;
    if (threadIdx.x == 0) plane[ty][0] = at(x - 1, y, z);
    if (threadIdx.x == TX - 1) plane[ty][TX + 1] = at(x + 1, y, z);
    if (threadIdx.y == 0) plane[0][tx] = at(x, y - 1, z);
    if (threadIdx.y == TY - 1) plane[TY + 1][tx] = at(x, y + 1, z);
    __syncthreads();
    if (x < nx && y < ny) {
      const float around = plane[ty][tx - 1] + plane[ty][tx + 1] + plane[ty - 1][tx] + plane[ty + 1][tx];
      out[((size_t)z * ny + y) * nx + x] = c0 * current + c1 * (around + behind + ahead);
    }
    __syncthreads();
    behind = current;
    current = ahead;
  }
}
