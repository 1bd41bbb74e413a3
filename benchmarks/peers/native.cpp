// The same work as loops of plain C++: what one core can do. No threads, no blocks, no bounds, no counts.
//
// It is the same sum of work, not the same instructions: softmax keeps its exponentials instead of computing them twice.
// A matrix product goes over columns innermost, so that a compiler can do for neighbours what a warp does for them; the
// sum of each element is taken in the kernel's order. Every function repeats its work `times` times, because one call
// may be shorter than a clock can tell; the barrier keeps the compiler from doing repeated work once.

#include <algorithm>
#include <cmath>

namespace {

template <typename Work>
void repeat(int times, Work work) {
  for (int i = 0; i < times; ++i) {
    work();
    asm volatile("" ::: "memory");
  }
}

}  // namespace

extern "C" {

void saxpy(int times, float a, const float* x, float* y, int n) {
  repeat(times, [=] {
    for (int i = 0; i < n; ++i) y[i] = a * x[i] + y[i];
  });
}

void softmax(int times, int rows, const float* x, float* y, int cols) {
  repeat(times, [=] {
    for (int row = 0; row < rows; ++row) {
      const float* in = x + row * cols;
      float* out = y + row * cols;
      float highest = in[0], sum = 0;
      for (int i = 0; i < cols; ++i) highest = std::max(highest, in[i]);
      for (int i = 0; i < cols; ++i) sum += out[i] = std::exp(in[i] - highest);
      for (int i = 0; i < cols; ++i) out[i] /= sum;
    }
  });
}

void sgemm_naive(int times, const float* a, const float* b, float* __restrict__ c, int m, int n, int k) {
  repeat(times, [=] {
    for (int row = 0; row < m; ++row) {
      std::fill(c + row * n, c + row * n + n, 0.0f);
      for (int i = 0; i < k; ++i) {
        const float factor = a[row * k + i];
        for (int column = 0; column < n; ++column) c[row * n + column] += factor * b[i * n + column];
      }
    }
  });
}

void reduction(int times, int blocks, const float* x, float* sums, int length) {
  repeat(times, [=] {
    for (int block = 0; block < blocks; ++block) {
      float sum = 0;
      for (int i = 0; i < length; ++i) sum += x[block * length + i];
      sums[block] = sum;
    }
  });
}
}
