// The sum of `length` neighbours by a block of 256 threads, through shared memory.
extern "C" __global__ void reduction(const float* x, float* sums, int length) {
  __shared__ float part[256];
  const int thread = threadIdx.x;
  const float* in = x + blockIdx.x * length;

  float own = 0;
  for (int i = thread; i < length; i += 256) own += in[i];
  part[thread] = own;
  __syncthreads();
  for (int half = 128; half; half /= 2) {
    if (thread < half) part[thread] += part[thread + half];
    __syncthreads();
  }
  if (thread == 0) sums[blockIdx.x] = part[0];
}
