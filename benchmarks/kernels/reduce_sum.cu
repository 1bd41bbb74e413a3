// Sum of a vector: grid-stride loads, warp shuffles, one atomic a block.
extern "C" __global__ void __launch_bounds__(256) reduce_sum(const float* x, float* sum, int n) {
  __shared__ float of_warp[8];
  float own = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) own += x[i];
  for (int lanes = 16; lanes; lanes /= 2) own += __shfl_xor_sync(0xffffffffu, own, lanes);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = own;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  own = threadIdx.x < 8 ? of_warp[threadIdx.x] : 0;
  for (int lanes = 4; lanes; lanes /= 2) own += __shfl_xor_sync(0xffffffffu, own, lanes);
  if (threadIdx.x == 0) atomicAdd(sum, own);
}
