// The .approx functions: polynomials of our own, the same bits on every host, inside the manual's error bounds.
//
//   ex2.approx.f32   2 ulp                       rcp, sqrt, div (approx)  correctly rounded (the bound is 1..2 ulp)
//   lg2.approx.f32   2^-22 absolute near 1,      rsqrt.approx.f32         1 ulp (the bound is 2^-22.9)
//                    2^-22 relative elsewhere    tanh.approx.f32          2^-11 relative
//   sin, cos.approx  2^-20.5 absolute in [-2 pi, 2 pi]
// Hardware results differ from these in the last bits; comparing against hardware needs the manual's tolerance.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#floating-point-instructions-ex2 and its neighbours.
#pragma once

#include "half.h"

namespace vgpu {

inline f32 ex2_approx(f32 x) {
  const f32 held = x < -151.0f ? -151.0f : x > 129.0f ? 129.0f : (x != x ? 0.0f : x);
  const f32 whole = (held + 0x1.8p23f) - 0x1.8p23f;               // nearest integer
  const f32 f = held - whole;                                      // exact, in [-0.5, 0.5]
  // Taylor coefficients ln2^k / k!; the remainder after k = 7 is below 2^-30.
  f32 p = 1.5252734e-5f;
  p = p * f + 1.5403530e-4f;
  p = p * f + 1.3333558e-3f;
  p = p * f + 9.6181291e-3f;
  p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.0f;
  const s32 exponent = static_cast<s32>(whole), half = exponent >> 1;
  const f32 scale = bits_as<f32>(u32(half + 127) << 23), rest = bits_as<f32>(u32(exponent - half + 127) << 23);
  return x != x ? canon(x) : p * scale * rest;
}

inline f64 log2_of_mantissa(f64 m) {                               // m in [0.7, 1.42)
  const f64 t = (m - 1.0) / (m + 1.0), t2 = t * t;
  f64 p = 1.0 / 15;
  p = p * t2 + 1.0 / 13;
  p = p * t2 + 1.0 / 11;
  p = p * t2 + 1.0 / 9;
  p = p * t2 + 1.0 / 7;
  p = p * t2 + 1.0 / 5;
  p = p * t2 + 1.0 / 3;
  p = p * t2 + 1.0;
  return p * t * 2.8853900817779268;                               // 2 / ln 2
}

inline f32 lg2_approx(f32 x) {
  if (x != x || x < 0) return bits_as<f32>(u32(0x7fffffff));
  if (x == 0) return -INFINITY;
  if (x - x != 0) return x;
  const u64 bits = bits_as<u64>(static_cast<f64>(x));
  const u64 big = (bits & 0xfffffffffffff) > 0x6a09e667f3bcd;      // mantissa above sqrt 2: take the next exponent
  const s64 exponent = s64(bits >> 52) - 1023 + s64(big);
  const f64 mantissa = bits_as<f64>((bits & 0xfffffffffffff) | (u64(1023 - big) << 52));
  return static_cast<f32>(f64(exponent) + log2_of_mantissa(mantissa));
}

// sin (quarter = 0) or cos (quarter = 1) of a finite x, reduced by pi / 2 in three parts.
inline f32 sine_approx(f32 x, u64 quarter) {
  if (x - x != 0) return bits_as<f32>(u32(0x7fffffff));
  const f64 turns = static_cast<f64>(x) * 0.63661977236758138;
  const f64 whole = (turns + 0x1.8p52) - 0x1.8p52;
  const f64 r = (static_cast<f64>(x) - whole * 0x1.921fb544p0) - whole * 0x1.0b4611a626331p-34, r2 = r * r;
  const u64 which = (bits_as<u64>(turns + 0x1.8p52) + quarter) & 3;
  const f64 s = r * (1 + r2 * (-1.0 / 6 + r2 * (1.0 / 120 + r2 * (-1.0 / 5040 + r2 * (1.0 / 362880)))));
  const f64 c = 1 + r2 * (-0.5 + r2 * (1.0 / 24 + r2 * (-1.0 / 720 + r2 * (1.0 / 40320 - r2 / 3628800))));
  const f64 value = which & 1 ? c : s;
  return static_cast<f32>(which & 2 ? -value : value);
}

inline f32 tanh_approx(f32 x) {
  if (x != x) return canon(x);
  const f32 size = x < 0 ? -x : x;
  if (size < 0x1p-12f) return x;
  const f64 z = size > 12.0f ? 12.0 : size, z2 = z * z;
  if (size < 0.25f) return static_cast<f32>(x * (1 + z2 * (-1.0 / 3 + z2 * (2.0 / 15 - z2 * (17.0 / 315)))));
  const f64 e = ex2_approx(static_cast<f32>(z * 2.8853900817779268));
  const f32 value = static_cast<f32>(1.0 - 2.0 / (e + 1.0));
  return x < 0 ? -value : value;
}

inline f32 rcp_approx(f32 x) { return canon(1.0f / x); }
inline f32 rsqrt_approx(f32 x) { return canon(static_cast<f32>(1.0 / __builtin_sqrt(static_cast<f64>(x)))); }

// For |b| in (2^126, 2^128) the result is 0, and infinity divided by such a b is NaN.
inline f32 div_approx(f32 a, f32 b) {
  const f32 size = b < 0 ? -b : b;
  const bool huge = size > 0x1p126f && size - size == 0;
  const f32 quotient = a / b;
  return canon(huge ? a * 0.0f : quotient);
}

// The upper 32 bits of the result; the lower 32 bits are zero.
inline f64 gross_rcp(f64 x) { return bits_as<f64>(bits_as<u64>(canon(1.0 / x)) & 0xffffffff00000000); }
inline f64 gross_rsqrt(f64 x) {
  return bits_as<f64>(bits_as<u64>(canon(1.0 / __builtin_sqrt(x))) & 0xffffffff00000000);
}
inline f64 flush_f64(f64 x) {
  const u64 bits = bits_as<u64>(x);
  return bits_as<f64>((bits & 0x7ff0000000000000) ? bits : (bits & 0x8000000000000000));
}

}  // namespace vgpu
