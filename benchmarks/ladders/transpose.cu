// out = transposed in, n x n floats, n a multiple of 64: the steps of yencal.github.io/gpu-matrix-transpose-optimization,
// written anew.

extern "C" __global__ void naive(const float* in, float* out, int n) {
  const int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
  out[x * n + y] = in[y * n + x];
}

// Through a tile, whose columns all lie in one bank.
extern "C" __global__ void shared_tile(const float* in, float* out, int n) {
  __shared__ float tile[32][32];
  const int x = threadIdx.x, y = threadIdx.y;
  tile[y][x] = in[(blockIdx.y * 32 + y) * n + blockIdx.x * 32 + x];
  __syncthreads();
  out[(blockIdx.x * 32 + y) * n + blockIdx.y * 32 + x] = tile[x][y];
}

extern "C" __global__ void padded_tile(const float* in, float* out, int n) {
  __shared__ float tile[32][33];
  const int x = threadIdx.x, y = threadIdx.y;
  tile[y][x] = in[(blockIdx.y * 32 + y) * n + blockIdx.x * 32 + x];
  __syncthreads();
  out[(blockIdx.x * 32 + y) * n + blockIdx.y * 32 + x] = tile[x][y];
}

// Four rows to a thread.
extern "C" __global__ void coarsened(const float* in, float* out, int n) {
  __shared__ float tile[32][33];
  const int x = threadIdx.x, y = threadIdx.y;
#pragma unroll
  for (int j = 0; j < 32; j += 8) tile[y + j][x] = in[(blockIdx.y * 32 + y + j) * n + blockIdx.x * 32 + x];
  __syncthreads();
#pragma unroll
  for (int j = 0; j < 32; j += 8) out[(blockIdx.x * 32 + y + j) * n + blockIdx.y * 32 + x] = tile[x][y + j];
}

// A tile of 64 x 64, 16 bytes at a time, eight rows to a thread.
extern "C" __global__ void vectorised(const float* in, float* out, int n) {
  __shared__ float tile[64][65];
  const int x = threadIdx.x, y = threadIdx.y;
  const float4* from = reinterpret_cast<const float4*>(in);
  float4* to = reinterpret_cast<float4*>(out);
#pragma unroll
  for (int j = 0; j < 64; j += 8) {
    const float4 row = from[((blockIdx.y * 64 + y + j) * n + blockIdx.x * 64) / 4 + x];
    tile[y + j][x * 4] = row.x, tile[y + j][x * 4 + 1] = row.y;
    tile[y + j][x * 4 + 2] = row.z, tile[y + j][x * 4 + 3] = row.w;
  }
  __syncthreads();
#pragma unroll
  for (int j = 0; j < 64; j += 8)
    to[((blockIdx.x * 64 + y + j) * n + blockIdx.y * 64) / 4 + x] =
        make_float4(tile[x * 4][y + j], tile[x * 4 + 1][y + j], tile[x * 4 + 2][y + j], tile[x * 4 + 3][y + j]);
}
