// Directed rounding of rarely used operations, by changing the host's rounding mode around a single operation.
#include <cfenv>

#include "numeric.h"

namespace vgpu {
namespace {

class RoundingMode {
 public:
  explicit RoundingMode(Rounding mode) : before_(std::fegetround()) {
    constexpr int host[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD, FE_TONEAREST};
    std::fesetround(host[static_cast<int>(mode)]);
  }
  ~RoundingMode() { std::fesetround(before_); }
  RoundingMode(const RoundingMode &) = delete;
  RoundingMode &operator=(const RoundingMode &) = delete;

 private:
  int before_;
};

// The volatile operands and result keep the operation between the two changes of mode.
template <class T, class F>
T rounded(Rounding mode, T x, T y, F operation) {
  volatile T a = x, b = y;
  const RoundingMode scope(mode);
  volatile T result = operation(a, b);
  return result;
}

}  // namespace

f32 div_round(f32 a, f32 b, Rounding mode) {
  return mode == Rounding::rn ? a / b : rounded(mode, a, b, [](volatile f32 &x, volatile f32 &y) { return x / y; });
}
f32 sqrt_round(f32 a, Rounding mode) {
  return rounded(mode, a, a, [](volatile f32 &x, volatile f32 &) { return f32(__builtin_sqrtf(x)); });
}
f64 add_round(f64 a, f64 b, Rounding mode) {
  return rounded(mode, a, b, [](volatile f64 &x, volatile f64 &y) { return x + y; });
}
f64 mul_round(f64 a, f64 b, Rounding mode) {
  return rounded(mode, a, b, [](volatile f64 &x, volatile f64 &y) { return x * y; });
}
f64 fma_round(f64 a, f64 b, f64 c, Rounding mode) {
  volatile f64 third = c;
  return rounded(mode, a, b, [&](volatile f64 &x, volatile f64 &y) { return f64(__builtin_fma(x, y, third)); });
}
f64 div_round(f64 a, f64 b, Rounding mode) {
  return mode == Rounding::rn ? a / b : rounded(mode, a, b, [](volatile f64 &x, volatile f64 &y) { return x / y; });
}
f64 sqrt_round(f64 a, Rounding mode) {
  return rounded(mode, a, a, [](volatile f64 &x, volatile f64 &) { return f64(__builtin_sqrt(x)); });
}
f32 narrow_round(f64 a, Rounding mode) {
  return static_cast<f32>(rounded(mode, a, a, [](volatile f64 &x, volatile f64 &) { return f64(f32(x)); }));
}

}  // namespace vgpu
