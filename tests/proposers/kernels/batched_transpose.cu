#pragma kernelevo launch batched<<<dim3(ceildiv(w, 8), ceildiv(h, 32), batch), dim3(8, 32)>>>(src, dst, h, w)

extern "C" __global__ void batched(const float *src, float *dst, int h, int w) {
  const float *from = src + blockIdx.z * h * w;
  float *to = dst + blockIdx.z * h * w;
  int c = threadIdx.x + blockIdx.x * blockDim.x;
  int r = threadIdx.y + blockIdx.y * blockDim.y;
  if (c >= w || r >= h) return;
  to[c * h + r] = from[r * w + c];
}
