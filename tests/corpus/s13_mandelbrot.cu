// Escape times of the Mandelbrot set: a loop that every lane leaves at another time. Contraction is off, so f32 is exact.
extern "C" __global__ void mandelbrot(unsigned char *out, int width, int height, float left, float top, float step) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) return;
  const float cr = __fadd_rn(left, __fmul_rn(x, step)), ci = __fsub_rn(top, __fmul_rn(y, step));
  float re = 0, im = 0;
  int count = 0;
  while (count < 255) {
    const float r2 = __fmul_rn(re, re), i2 = __fmul_rn(im, im);
    if (__fadd_rn(r2, i2) > 4.0f) break;
    im = __fadd_rn(__fmul_rn(__fmul_rn(2.0f, re), im), ci);
    re = __fadd_rn(__fsub_rn(r2, i2), cr);
    count++;
  }
  out[y * width + x] = count;
}
