// C = A B in FP32, row-major, sizes that the tiles divide: the steps of S. Boehm's series, written anew.
// https://siboehm.com/articles/22/CUDA-MMM

// One thread per element; neighbouring threads take neighbouring rows, so that A and C are read and written by columns.
extern "C" __global__ void naive(const float* a, const float* b, float* c, int m, int n, int k) {
  const int row = blockIdx.x * 32 + threadIdx.x, col = blockIdx.y * 32 + threadIdx.y;
  float sum = 0;
  for (int i = 0; i < k; i++) sum += a[row * k + i] * b[i * n + col];
  c[row * n + col] = sum;
}

// The same with neighbouring threads on neighbouring columns.
extern "C" __global__ void coalesced(const float* a, const float* b, float* c, int m, int n, int k) {
  const int row = blockIdx.x * 32 + threadIdx.y, col = blockIdx.y * 32 + threadIdx.x;
  float sum = 0;
  for (int i = 0; i < k; i++) sum += a[row * k + i] * b[i * n + col];
  c[row * n + col] = sum;
}

// Square tiles of A and B in shared memory.
extern "C" __global__ void shared_tile(const float* a, const float* b, float* c, int m, int n, int k) {
  __shared__ float left[32][32], right[32][32];
  const int x = threadIdx.x, y = threadIdx.y;
  const int row = blockIdx.y * 32 + y, col = blockIdx.x * 32 + x;
  float sum = 0;
  for (int at = 0; at < k; at += 32) {
    left[y][x] = a[row * k + at + x];
    right[y][x] = b[(at + y) * n + col];
    __syncthreads();
    for (int i = 0; i < 32; i++) sum += left[y][i] * right[i][x];
    __syncthreads();
  }
  c[row * n + col] = sum;
}

// A tile of 64 x 64, eight rows of one column to a thread.
extern "C" __global__ void __launch_bounds__(512) register_column(
    const float* a, const float* b, float* c, int m, int n, int k) {
  __shared__ float left[64][8], right[8][64];
  const int x = threadIdx.x % 64, y = threadIdx.x / 64;
  const int row = blockIdx.y * 64, col = blockIdx.x * 64;
  float sum[8] = {};
  for (int at = 0; at < k; at += 8) {
    left[threadIdx.x / 8][threadIdx.x % 8] = a[(row + threadIdx.x / 8) * k + at + threadIdx.x % 8];
    right[y][x] = b[(at + y) * n + col + x];
    __syncthreads();
    for (int i = 0; i < 8; i++) {
      const float other = right[i][x];
      for (int j = 0; j < 8; j++) sum[j] += left[y * 8 + j][i] * other;
    }
    __syncthreads();
  }
  for (int j = 0; j < 8; j++) c[(row + y * 8 + j) * n + col + x] = sum[j];
}

// A tile of 128 x 128, a patch of 8 x 8 to a thread.
extern "C" __global__ void __launch_bounds__(256) register_patch(
    const float* a, const float* b, float* c, int m, int n, int k) {
  __shared__ float left[128][8], right[8][128];
  const int x = threadIdx.x % 16, y = threadIdx.x / 16;
  const int row = blockIdx.y * 128, col = blockIdx.x * 128;
  float sum[8][8] = {};
  for (int at = 0; at < k; at += 8) {
    for (int i = threadIdx.x; i < 1024; i += 256) {
      left[i / 8][i % 8] = a[(row + i / 8) * k + at + i % 8];
      right[i / 128][i % 128] = b[(at + i / 128) * n + col + i % 128];
    }
    __syncthreads();
    for (int i = 0; i < 8; i++) {
      float mine[8], other[8];
      for (int j = 0; j < 8; j++) mine[j] = left[y * 8 + j][i];
      for (int j = 0; j < 8; j++) other[j] = right[i][x * 8 + j];
      for (int r = 0; r < 8; r++)
        for (int s = 0; s < 8; s++) sum[r][s] += mine[r] * other[s];
    }
    __syncthreads();
  }
  for (int r = 0; r < 8; r++)
    for (int s = 0; s < 8; s++) c[(row + y * 8 + r) * n + col + x * 8 + s] = sum[r][s];
}

// The same with 16-byte loads and stores, and A's tile transposed on its way, so that both are read in rows.
extern "C" __global__ void __launch_bounds__(256) vector_patch(
    const float* a, const float* b, float* c, int m, int n, int k) {
  __shared__ __align__(16) float left[8][128], right[8][128];
  const int x = threadIdx.x % 16, y = threadIdx.x / 16;
  const int row = blockIdx.y * 128, col = blockIdx.x * 128;
  float sum[8][8] = {};
  for (int at = 0; at < k; at += 8) {
    const int line = threadIdx.x / 2, part = threadIdx.x % 2 * 4;
    const float4 from = *reinterpret_cast<const float4*>(&a[(row + line) * k + at + part]);
    left[part][line] = from.x, left[part + 1][line] = from.y, left[part + 2][line] = from.z, left[part + 3][line] = from.w;
    const int down = threadIdx.x / 32, across = threadIdx.x % 32 * 4;
    *reinterpret_cast<float4*>(&right[down][across]) =
        *reinterpret_cast<const float4*>(&b[(at + down) * n + col + across]);
    __syncthreads();
    for (int i = 0; i < 8; i++) {
      float mine[8], other[8];
      for (int j = 0; j < 8; j += 4) {
        *reinterpret_cast<float4*>(&mine[j]) = *reinterpret_cast<float4*>(&left[i][y * 8 + j]);
        *reinterpret_cast<float4*>(&other[j]) = *reinterpret_cast<float4*>(&right[i][x * 8 + j]);
      }
      for (int r = 0; r < 8; r++)
        for (int s = 0; s < 8; s++) sum[r][s] += mine[r] * other[s];
    }
    __syncthreads();
  }
  for (int r = 0; r < 8; r++)
    for (int s = 0; s < 8; s += 4)
      *reinterpret_cast<float4*>(&c[(row + y * 8 + r) * n + col + x * 8 + s]) =
          make_float4(sum[r][s], sum[r][s + 1], sum[r][s + 2], sum[r][s + 3]);
}

// A tile of 128 x 128 in steps of 16; each of four warps has 64 x 64 of it, in four strips of 64 x 16, 8 x 4 to a thread.
extern "C" __global__ void __launch_bounds__(128) warp_tile(
    const float* a, const float* b, float* c, int m, int n, int k) {
  __shared__ __align__(16) float left[16][128], right[16][128];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int top = warp / 2 * 64 + lane / 4 * 8, side = warp % 2 * 64 + lane % 4 * 4;
  const int row = blockIdx.y * 128, col = blockIdx.x * 128;
  float sum[4][8][4] = {};
  for (int at = 0; at < k; at += 16) {
    for (int i = threadIdx.x; i < 512; i += 128) {
      const int line = i / 4, part = i % 4 * 4;
      const float4 from = *reinterpret_cast<const float4*>(&a[(row + line) * k + at + part]);
      left[part][line] = from.x, left[part + 1][line] = from.y;
      left[part + 2][line] = from.z, left[part + 3][line] = from.w;
      const int down = i / 32, across = i % 32 * 4;
      *reinterpret_cast<float4*>(&right[down][across]) =
          *reinterpret_cast<const float4*>(&b[(at + down) * n + col + across]);
    }
    __syncthreads();
    for (int i = 0; i < 16; i++) {
      float mine[8];
      for (int j = 0; j < 8; j += 4)
        *reinterpret_cast<float4*>(&mine[j]) = *reinterpret_cast<float4*>(&left[i][top + j]);
      for (int strip = 0; strip < 4; strip++) {
        float other[4];
        *reinterpret_cast<float4*>(&other[0]) = *reinterpret_cast<float4*>(&right[i][side + strip * 16]);
        for (int r = 0; r < 8; r++)
          for (int s = 0; s < 4; s++) sum[strip][r][s] += mine[r] * other[s];
      }
    }
    __syncthreads();
  }
  for (int strip = 0; strip < 4; strip++)
    for (int r = 0; r < 8; r++)
      *reinterpret_cast<float4*>(&c[(row + top + r) * n + col + side + strip * 16]) =
          make_float4(sum[strip][r][0], sum[strip][r][1], sum[strip][r][2], sum[strip][r][3]);
}
