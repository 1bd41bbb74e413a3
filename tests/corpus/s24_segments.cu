// Reductions by key with partial masks: a segmented sum by head flags and shuffles, and match groups of f16 maxima.
#include <cuda_fp16.h>

extern "C" __global__ void segmented_sum(const int *key, const int *value, int *out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, lane = threadIdx.x & 31;
  const unsigned here = __ballot_sync(~0u, i < n);
  if (i >= n) return;
  const int k = key[i], previous = __shfl_up_sync(here, k, 1);
  const unsigned heads = __ballot_sync(here, lane == 0 || previous != k);
  const int first = 31 - __clz(heads & (0xffffffffu >> (31 - lane)));
  int sum = value[i];
  for (int offset = 1; offset < 32; offset <<= 1) {
    const int other = __shfl_up_sync(here, sum, offset);
    if (lane - offset >= first) sum += other;
  }
  const unsigned later = lane == 31 ? 0 : heads >> (lane + 1) << (lane + 1);
  const int last = later ? __ffs(later) - 2 : 31 - __clz(here);
  if (lane == last) atomicAdd(&out[k], sum);
}

extern "C" __global__ void group_maximum(const int *key, const __half *value, __half *largest, int *size, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const unsigned group = __match_any_sync(__activemask(), key[i]);
  __half best = value[i];
  for (unsigned rest = group; rest; rest &= rest - 1) best = __hmax(best, __shfl_sync(group, value[i], __ffs(rest) - 1));
  largest[i] = best;
  size[i] = __popc(group);
}
