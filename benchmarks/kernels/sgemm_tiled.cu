// C = A B in f32, 128 x 128 x 8 tiles in shared memory, 8 x 8 outputs a thread; m and n multiples of 128, k of 8.
constexpr int kTile = 128, kDepth = 8, kOwn = 8;

extern "C" __global__ void __launch_bounds__(256)
sgemm_tiled(const float* a, const float* b, float* c, int m, int n, int k) {
  __shared__ float of_a[kDepth][kTile + 4], of_b[kDepth][kTile];
  const int row = threadIdx.x / 16 * kOwn, column = threadIdx.x % 16 * kOwn;
  float sums[kOwn][kOwn] = {};
  a += (size_t)blockIdx.y * kTile * k;
  b += blockIdx.x * kTile;
  for (int start = 0; start < k; start += kDepth) {
    const int load_row = threadIdx.x / 2, load_depth = threadIdx.x % 2 * 4;
    const float4 from_a = *(const float4*)&a[(size_t)load_row * k + start + load_depth];
    of_a[load_depth][load_row] = from_a.x;
    of_a[load_depth + 1][load_row] = from_a.y;
    of_a[load_depth + 2][load_row] = from_a.z;
    of_a[load_depth + 3][load_row] = from_a.w;
    const int depth = threadIdx.x / 32, load_column = threadIdx.x % 32 * 4;
    *(float4*)&of_b[depth][load_column] = *(const float4*)&b[(size_t)(start + depth) * n + load_column];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kDepth; ++i) {
      float left[kOwn], right[kOwn];
#pragma unroll
      for (int j = 0; j < kOwn; ++j) left[j] = of_a[i][row + j], right[j] = of_b[i][column + j];
#pragma unroll
      for (int y = 0; y < kOwn; ++y)
#pragma unroll
        for (int x = 0; x < kOwn; ++x) sums[y][x] += left[y] * right[x];
    }
    __syncthreads();
  }
  c += (size_t)blockIdx.y * kTile * n + blockIdx.x * kTile;
#pragma unroll
  for (int y = 0; y < kOwn; ++y)
#pragma unroll
    for (int x = 0; x < kOwn; ++x) c[(size_t)(row + y) * n + column + x] = sums[y][x];
}
