// out[0] += sum of in, n floats, n a multiple of 512: the steps of github.com/MasterSkepticista/parallel_reductions_cuda
// (after M. Harris, "Optimizing Parallel Reduction in CUDA"), written anew. Blocks of 256.

extern "C" __global__ void vector_atomics(const float* in, float* out, int n) {
  const float4 four = reinterpret_cast<const float4*>(in)[blockIdx.x * 256 + threadIdx.x];
  atomicAdd(out, four.x + four.y + four.z + four.w);
}

// A tree in shared memory; the threads that go on lie ever further apart.
extern "C" __global__ void interleaved(const float* in, float* out, int n) {
  __shared__ float part[256];
  const int me = threadIdx.x;
  part[me] = in[blockIdx.x * 256 + me];
  __syncthreads();
  for (unsigned step = 1; step < blockDim.x; step *= 2) {
    if (me % (2 * step) == 0) part[me] += part[me + step];
    __syncthreads();
  }
  if (me == 0) atomicAdd(out, part[0]);
}

// Threads that go on are neighbours, but their words share banks.
extern "C" __global__ void undivided(const float* in, float* out, int n) {
  __shared__ float part[256];
  const int me = threadIdx.x;
  part[me] = in[blockIdx.x * 256 + me];
  __syncthreads();
  for (unsigned step = 1; step < blockDim.x; step *= 2) {
    const unsigned at = 2 * step * me;
    if (at < blockDim.x) part[at] += part[at + step];
    __syncthreads();
  }
  if (me == 0) atomicAdd(out, part[0]);
}

// Neighbours add neighbours.
extern "C" __global__ void sequential(const float* in, float* out, int n) {
  __shared__ float part[256];
  const int me = threadIdx.x;
  part[me] = in[blockIdx.x * 256 + me];
  __syncthreads();
  for (unsigned step = blockDim.x / 2; step > 0; step /= 2) {
    if (me < step) part[me] += part[me + step];
    __syncthreads();
  }
  if (me == 0) atomicAdd(out, part[0]);
}

// The first addition happens on the way in, so that half as many blocks do.
extern "C" __global__ void first_add(const float* in, float* out, int n) {
  __shared__ float part[256];
  const int me = threadIdx.x, at = blockIdx.x * 512 + me;
  part[me] = in[at] + in[at + 256];
  __syncthreads();
  for (unsigned step = blockDim.x / 2; step > 0; step /= 2) {
    if (me < step) part[me] += part[me + step];
    __syncthreads();
  }
  if (me == 0) atomicAdd(out, part[0]);
}

// And the last warp goes on without barriers.
extern "C" __global__ void last_warp(const float* in, float* out, int n) {
  __shared__ float part[256];
  const int me = threadIdx.x, at = blockIdx.x * 512 + me;
  part[me] = in[at] + in[at + 256];
  __syncthreads();
  for (unsigned step = blockDim.x / 2; step > 32; step /= 2) {
    if (me < step) part[me] += part[me + step];
    __syncthreads();
  }
  if (me < 32) {
    float sum = part[me] + part[me + 32];
    for (int apart = 16; apart > 0; apart /= 2) sum += __shfl_down_sync(0xffffffff, sum, apart);
    if (me == 0) atomicAdd(out, sum);
  }
}
