// Radix sort of a block's keys with payload, one bit a pass: ballots rank within a warp, a scan ranks the warps. Stable.
extern "C" __global__ void __launch_bounds__(256) radix_sort_block(unsigned *keys, unsigned *values, int n) {
  __shared__ unsigned key[256], value[256];
  __shared__ unsigned zeros_before[9];
  const int t = threadIdx.x, lane = t & 31, warp = t >> 5, base = blockIdx.x * 256;
  const bool there = base + t < n;
  unsigned k = there ? keys[base + t] : ~0u, v = there ? values[base + t] : ~0u;
  for (int bit = 0; bit < 32; bit++) {
    const bool one = k >> bit & 1;
    const unsigned zeros = __ballot_sync(~0u, !one);
    if (lane == 0) zeros_before[warp + 1] = __popc(zeros);
    __syncthreads();
    if (t == 0) {
      zeros_before[0] = 0;
      for (int w = 1; w <= 8; w++) zeros_before[w] += zeros_before[w - 1];
    }
    __syncthreads();
    const unsigned rank_zero = zeros_before[warp] + __popc(zeros & ((1u << lane) - 1));
    const unsigned to = one ? zeros_before[8] + t - rank_zero : rank_zero;
    key[to] = k;
    value[to] = v;
    __syncthreads();
    k = key[t];
    v = value[t];
    __syncthreads();
  }
  if (there) {
    keys[base + t] = k;
    values[base + t] = v;
  }
}
