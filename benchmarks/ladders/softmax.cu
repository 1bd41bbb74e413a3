// Softmax of each row: the steps of github.com/Pupking/04_fused_softmax, written anew. Blocks of 256.

#define FULL 0xffffffff

extern "C" __global__ void row_per_thread(const float* in, float* out, int rows, int cols) {
  const int row = blockIdx.x * 256 + threadIdx.x;
  const float* x = in + row * cols;
  float largest = x[0], sum = 0;
  for (int i = 1; i < cols; i++) largest = fmaxf(largest, x[i]);
  for (int i = 0; i < cols; i++) sum += __expf(x[i] - largest);
  for (int i = 0; i < cols; i++) out[row * cols + i] = __expf(x[i] - largest) / sum;
}

// A block to a row, folded by a tree in shared memory.
extern "C" __global__ void row_per_block(const float* in, float* out, int rows, int cols) {
  __shared__ float part[256];
  const int me = threadIdx.x;
  const float* x = in + blockIdx.x * cols;
  float mine = -INFINITY;
  for (int i = me; i < cols; i += 256) mine = fmaxf(mine, x[i]);
  part[me] = mine;
  __syncthreads();
  for (int step = 128; step > 0; step /= 2) {
    if (me < step) part[me] = fmaxf(part[me], part[me + step]);
    __syncthreads();
  }
  const float largest = part[0];
  __syncthreads();
  float sum = 0;
  for (int i = me; i < cols; i += 256) sum += __expf(x[i] - largest);
  part[me] = sum;
  __syncthreads();
  for (int step = 128; step > 0; step /= 2) {
    if (me < step) part[me] += part[me + step];
    __syncthreads();
  }
  sum = part[0];
  for (int i = me; i < cols; i += 256) out[blockIdx.x * cols + i] = __expf(x[i] - largest) / sum;
}

// Warps fold by shuffles, and meet once in shared memory.
extern "C" __global__ void shuffles(const float* in, float* out, int rows, int cols) {
  __shared__ float part[8];
  const int me = threadIdx.x, warp = me / 32, lane = me % 32;
  const float* x = in + blockIdx.x * cols;
  float largest = -INFINITY;
  for (int i = me; i < cols; i += 256) largest = fmaxf(largest, x[i]);
  for (int apart = 16; apart > 0; apart /= 2) largest = fmaxf(largest, __shfl_xor_sync(FULL, largest, apart));
  if (lane == 0) part[warp] = largest;
  __syncthreads();
  for (int i = 0; i < 8; i++) largest = fmaxf(largest, part[i]);
  __syncthreads();
  float sum = 0;
  for (int i = me; i < cols; i += 256) sum += __expf(x[i] - largest);
  for (int apart = 16; apart > 0; apart /= 2) sum += __shfl_xor_sync(FULL, sum, apart);
  if (lane == 0) part[warp] = sum;
  __syncthreads();
  sum = 0;
  for (int i = 0; i < 8; i++) sum += part[i];
  for (int i = me; i < cols; i += 256) out[blockIdx.x * cols + i] = __expf(x[i] - largest) / sum;
}

// Maximum and sum in one pass: a larger maximum scales the sum so far.
extern "C" __global__ void online(const float* in, float* out, int rows, int cols) {
  __shared__ float maxima[8], sums[8];
  const int me = threadIdx.x, warp = me / 32, lane = me % 32;
  const float* x = in + blockIdx.x * cols;
  float largest = -INFINITY, sum = 0;
  for (int i = me; i < cols; i += 256) {
    const float next = fmaxf(largest, x[i]);
    sum = sum * __expf(largest - next) + __expf(x[i] - next);
    largest = next;
  }
  for (int apart = 16; apart > 0; apart /= 2) {
    const float other = __shfl_xor_sync(FULL, largest, apart), more = __shfl_xor_sync(FULL, sum, apart);
    const float next = fmaxf(largest, other);
    sum = sum * __expf(largest - next) + more * __expf(other - next);
    largest = next;
  }
  if (lane == 0) maxima[warp] = largest, sums[warp] = sum;
  __syncthreads();
  largest = maxima[0], sum = sums[0];
  for (int i = 1; i < 8; i++) {
    const float next = fmaxf(largest, maxima[i]);
    sum = sum * __expf(largest - next) + sums[i] * __expf(maxima[i] - next);
    largest = next;
  }
  for (int i = me; i < cols; i += 256) out[blockIdx.x * cols + i] = __expf(x[i] - largest) / sum;
}
