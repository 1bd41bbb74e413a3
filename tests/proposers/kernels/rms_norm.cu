#pragma kernelevo launch rms_norm<<<ceildiv(batch * tokens, 32), 32>>>(x, weight, y, batch * tokens, width)

extern "C" __global__ void rms_norm(const float *x, const float *weight, float *y, int count, int width) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= count) return;
  float total = 0.0f;
  for (int k = 0; k < width; ++k) {
    float v = x[t * width + k];
    total += v * v;
  }
  float scale = rsqrtf(total / width + 1e-6f);
  for (int k = 0; k < width; ++k) {
    int place = t * width + k;
    y[place] = x[place] * scale * weight[k];
  }
}
