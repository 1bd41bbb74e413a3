// Softmax of each row by a block of 256 threads: 16-byte loads, shuffles, two shared-memory reductions.
__device__ float warp_max(float value) {
  for (int lanes = 16; lanes; lanes /= 2) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, lanes));
  return value;
}

__device__ float warp_sum(float value) {
  for (int lanes = 16; lanes; lanes /= 2) value += __shfl_xor_sync(0xffffffffu, value, lanes);
  return value;
}

extern "C" __global__ void __launch_bounds__(256) softmax_block(const float4* x, float4* y, int quads) {
  __shared__ float of_warp[8];
  const int thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
  const float4* in = x + (size_t)blockIdx.x * quads;
  float4* out = y + (size_t)blockIdx.x * quads;

  float highest = in[thread % quads].x;
  for (int i = thread; i < quads; i += 256) {
    const float4 v = in[i];
    highest = fmaxf(highest, fmaxf(fmaxf(v.x, v.y), fmaxf(v.z, v.w)));
  }
  highest = warp_max(highest);
  if (lane == 0) of_warp[warp] = highest;
  __syncthreads();
  highest = warp_max(of_warp[lane % 8]);
  __syncthreads();

  float sum = 0;
  for (int i = thread; i < quads; i += 256) {
    const float4 v = in[i];
    sum += __expf(v.x - highest) + __expf(v.y - highest) + __expf(v.z - highest) + __expf(v.w - highest);
  }
  sum = warp_sum(sum);
  if (lane == 0) of_warp[warp] = sum;
  __syncthreads();
  const float scale = 1 / warp_sum(lane < 8 ? of_warp[lane] : 0);

  for (int i = thread; i < quads; i += 256) {
    float4 v = in[i];
    v.x = __expf(v.x - highest) * scale;
    v.y = __expf(v.y - highest) * scale;
    v.z = __expf(v.z - highest) * scale;
    v.w = __expf(v.w - highest) * scale;
    out[i] = v;
  }
}
