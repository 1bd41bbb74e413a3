// f16 and bf16: exact widening, correctly rounded narrowing, and arithmetic through f32 or f64.
//
// f32 holds the exact product and, with round-to-odd, stands in for the exact sum of two f16 or bf16 values, so one
// final rounding is the correct one. NaN results are 0x7fff (https://docs.nvidia.com/cuda/parallel-thread-execution/
// #half-precision-floating-point-instructions).
#pragma once

#include "numeric.h"

namespace vgpu {

inline f32 f16_to_f32(u16 h) {
  const u32 shifted = u32(h & 0x7fff) << 13, sign = u32(h & 0x8000) << 16;
  const f32 scaled = bits_as<f32>(shifted) * 0x1p112f;            // exact, subnormals included
  const u32 bits = (h & 0x7c00) == 0x7c00 ? (shifted | 0x7f800000) : bits_as<u32>(scaled);
  return bits_as<f32>(bits | sign);
}
inline f32 bf16_to_f32(u16 h) { return bits_as<f32>(u32(h) << 16); }

// Round to nearest even.
inline u16 f32_to_f16(f32 x) {
  const u32 bits = bits_as<u32>(x), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  const u32 tiny = bits_as<u32>(bits_as<f32>(magnitude) + 0.5f) - 0x3f000000;         // below 2^-14
  const u32 normal = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
  u32 half = magnitude < 0x38800000 ? tiny : normal;
  half = magnitude >= 0x477ff000 ? 0x7c00 : half;
  return magnitude > 0x7f800000 ? 0x7fff : u16(half | sign);
}
inline u16 f32_to_bf16(f32 x) {
  const u32 bits = bits_as<u32>(x);
  return (bits & 0x7fffffff) > 0x7f800000 ? 0x7fff : u16((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

struct F16 {
  static f32 widen(u16 h) { return f16_to_f32(h); }
  static u16 narrow(f32 x) { return f32_to_f16(x); }
  static constexpr u16 least_normal = 0x0400, one = 0x3c00, infinity = 0x7c00;
};
struct Bf16 {
  static f32 widen(u16 h) { return bf16_to_f32(h); }
  static u16 narrow(f32 x) { return f32_to_bf16(x); }
  static constexpr u16 least_normal = 0x0080, one = 0x3f80, infinity = 0x7f80;
};

template <class H>
inline u16 clamp_half(u16 h, const Op *op) {
  const bool nan = (h & 0x7fff) > H::infinity;
  if (op->flags & kSat) return nan || (h & 0x8000) ? 0 : h > H::one ? H::one : h;
  if ((op->flags & kRelu) && !nan && (h & 0x8000)) return 0;
  return h;
}
template <class H>
inline u16 finish_half(u16 h, const Op *op) {
  if ((op->flags & kFtz) && (h & 0x7fff) < H::least_normal) h &= 0x8000;
  return clamp_half<H>(h, op);
}
// neg and abs add to zero on a card (HADD2, HFMA2), which makes every NaN the canonical one.
template <class H>
inline u16 signed_half(u16 h, const Op *op) {
  return (h & 0x7fff) > H::infinity ? 0x7fff : finish_half<H>(h, op);
}
template <class H>
inline f32 read_half(u16 h, const Op *op) {
  if ((op->flags & kFtz) && (h & 0x7fff) < H::least_normal) h &= 0x8000;
  return H::widen(h);
}

// Two roundings, exact sum -> f64 (to odd) -> f32 (to odd) -> half, so that only the last one counts.
inline f32 narrow_odd(f64 x) {
  const f32 nearest = static_cast<f32>(x);
  const u32 bits = bits_as<u32>(nearest);
  const f64 back = nearest;
  if (x - x == 0 && back - back != 0)
    return bits_as<f32>(x > 0 ? 0x7f7fffffu : 0xff7fffffu);  // beyond f32, not beyond x
  if (back == x || x != x || (bits & 1) || back - back != 0) return nearest;
  return bits_as<f32>((back < x) == (x > 0) ? bits + 1 : bits - 1);
}

template <class H>
inline u16 add_half(u16 a, u16 b, const Op *op) {
  const Sum sum = two_sum(read_half<H>(a, op), read_half<H>(b, op));
  return finish_half<H>(H::narrow(narrow_odd(to_odd(sum))), op);
}
template <class H>
inline u16 sub_half(u16 a, u16 b, const Op *op) { return add_half<H>(a, b ^ 0x8000, op); }
template <class H>
inline u16 mul_half(u16 a, u16 b, const Op *op) {
  return finish_half<H>(H::narrow(narrow_odd(static_cast<f64>(read_half<H>(a, op)) * read_half<H>(b, op))), op);
}
template <class H>
inline u16 fma_half(u16 a, u16 b, u16 c, const Op *op) {
  const f64 product = static_cast<f64>(read_half<H>(a, op)) * read_half<H>(b, op);
  const Sum sum = two_sum(product, read_half<H>(c, op));
  return finish_half<H>(H::narrow(narrow_odd(to_odd(sum))), op);
}
template <class H>
inline u16 min_half(u16 a, u16 b, const Op *op) {
  return H::narrow(min_any(read_half<H>(a, op), read_half<H>(b, op), op));
}
template <class H>
inline u16 max_half(u16 a, u16 b, const Op *op) {
  return H::narrow(max_any(read_half<H>(a, op), read_half<H>(b, op), op));
}

inline u16 low_half(u32 x) { return u16(x); }
inline u16 high_half(u32 x) { return u16(x >> 16); }
inline u32 pack_halves(u16 low, u16 high) { return u32(low) | u32(high) << 16; }

using Half2 = u16 (*)(u16, u16, const Op *);
using Half3 = u16 (*)(u16, u16, u16, const Op *);
template <Half2 f>
inline u32 each_half(u32 a, u32 b, const Op *op) {
  return pack_halves(f(low_half(a), low_half(b), op), f(high_half(a), high_half(b), op));
}
template <Half3 f>
inline u32 each_half(u32 a, u32 b, u32 c, const Op *op) {
  return pack_halves(f(low_half(a), low_half(b), low_half(c), op), f(high_half(a), high_half(b), high_half(c), op));
}

}  // namespace vgpu
