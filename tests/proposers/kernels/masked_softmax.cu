#pragma kernelevo launch masked_softmax<<<ceildiv(rows, 128), 128>>>(x, mask, y, rows, cols, temperature)

// Softmax over the elements that the mask keeps; the exponentials wait in y for their sum.
extern "C" __global__ void masked_softmax(const float *x, const int *mask, float *y, int rows, int cols, float temperature) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  const float *in = x + row * cols;
  float *out = y + row * cols;
  float top = -1e30f;
  for (int j = 0; j < cols; ++j) {
    if (mask[row * cols + j] != 0) {
      top = fmaxf(top, in[j] / temperature);
    }
  }
  float total = 0.0f;
  for (int j = 0; j < cols; ++j) {
    float e = 0.0f;
    if (mask[row * cols + j] != 0) e = expf(in[j] / temperature - top);
    out[j] = e;
    total += e;
  }
  if (total > 0.0f) {
    for (int j = 0; j < cols; ++j) {
      out[j] = out[j] / total;
    }
  }
}
