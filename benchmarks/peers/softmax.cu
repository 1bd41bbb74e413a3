// Softmax of each row by a block of 256 threads: reductions through shared memory, as every peer's language has them.
extern "C" __global__ void softmax(const float* x, float* y, int cols) {
  __shared__ float part[256];
  const int thread = threadIdx.x;
  const float* in = x + blockIdx.x * cols;
  float* out = y + blockIdx.x * cols;

  float highest = in[0];
  for (int i = thread; i < cols; i += 256) highest = fmaxf(highest, in[i]);
  part[thread] = highest;
  __syncthreads();
  for (int half = 128; half; half /= 2) {
    if (thread < half) part[thread] = fmaxf(part[thread], part[thread + half]);
    __syncthreads();
  }
  highest = part[0];
  __syncthreads();

  float sum = 0;
  for (int i = thread; i < cols; i += 256) sum += expf(in[i] - highest);
  part[thread] = sum;
  __syncthreads();
  for (int half = 128; half; half /= 2) {
    if (thread < half) part[thread] += part[thread + half];
    __syncthreads();
  }
  sum = part[0];

  for (int i = thread; i < cols; i += 256) out[i] = expf(in[i] - highest) / sum;
}
