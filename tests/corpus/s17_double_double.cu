// Double-double arithmetic: error-free sums and products (fma), a dot product in twice the precision of f64.
struct DD {
  double high, low;
};
__device__ DD two_sum(double a, double b) {
  const double s = a + b, v = s - a;
  return {s, (a - (s - v)) + (b - v)};
}
__device__ DD add(DD a, DD b) {
  DD s = two_sum(a.high, b.high), t = two_sum(a.low, b.low);
  s = two_sum(s.high, s.low + t.high);
  return two_sum(s.high, s.low + t.low);
}
__device__ DD two_product(double a, double b) {
  const double p = a * b;
  return {p, fma(a, b, -p)};
}

extern "C" __global__ void dot_double_double(const double *x, const double *y, double *out, int n) {
  DD sum = {0, 0};
  for (int i = threadIdx.x; i < n; i += 32) sum = add(sum, two_product(x[i], y[i]));
  for (int offset = 16; offset; offset >>= 1) {
    const DD other = {__shfl_down_sync(0xffffffffu, sum.high, offset), __shfl_down_sync(0xffffffffu, sum.low, offset)};
    sum = add(sum, other);
  }
  if (threadIdx.x == 0) {
    out[0] = sum.high;
    out[1] = sum.low;
  }
}
