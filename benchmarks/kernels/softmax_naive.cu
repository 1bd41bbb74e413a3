// Softmax of each row by one thread: strided access, three passes.
extern "C" __global__ void softmax_naive(const float* x, float* y, int rows, int cols) {
  const int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  const float* in = x + (size_t)row * cols;
  float* out = y + (size_t)row * cols;
  float highest = in[0];
  for (int i = 1; i < cols; ++i) highest = fmaxf(highest, in[i]);
  float sum = 0;
  for (int i = 0; i < cols; ++i) sum += expf(in[i] - highest);
  for (int i = 0; i < cols; ++i) out[i] = expf(in[i] - highest) / sum;
}
