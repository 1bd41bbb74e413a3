// Attention over sequences of different lengths packed behind one another: a warp a query, f16 in, causal, any length.
#include <cuda_fp16.h>

extern "C" __global__ void ragged_attention(const __half *q, const __half *k, const __half *v, __half *out,
                                            const int *start, const int *sequence, int queries, float scale) {
  const int query = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
  if (query >= queries) return;
  const int first = start[sequence[query]];
  const float2 mine = __half22float2(reinterpret_cast<const __half2 *>(q + query * 64)[lane]);
  float largest = -INFINITY, sum = 0, x = 0, y = 0;
  for (int key = first; key <= query; key++) {
    const float2 other = __half22float2(reinterpret_cast<const __half2 *>(k + key * 64)[lane]);
    float score = mine.x * other.x + mine.y * other.y;
    for (int offset = 16; offset; offset >>= 1) score += __shfl_xor_sync(0xffffffffu, score, offset);
    score *= scale;
    const float higher = fmaxf(largest, score), old = __expf(largest - higher), weight = __expf(score - higher);
    const float2 value = __half22float2(reinterpret_cast<const __half2 *>(v + key * 64)[lane]);
    sum = sum * old + weight;
    x = x * old + weight * value.x;
    y = y * old + weight * value.y;
    largest = higher;
  }
  reinterpret_cast<__half2 *>(out + query * 64)[lane] = __floats2half2_rn(x / sum, y / sum);
}
