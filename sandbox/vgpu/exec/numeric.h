// Scalar arithmetic in the words of the PTX manual, written so that a loop over 32 lanes becomes vector code and so
// that every build (baseline, AVX2, AVX-512, NEON) gives the same bits: no contraction, no host math library beyond
// correctly rounded operations, one canonical NaN per type.
//
// f32 results that are NaN are 0x7fffffff
// (https://docs.nvidia.com/cuda/parallel-thread-execution/#floating-point-instructions). Directed rounding and fused
// operations go through double precision with the exact error of the sum (Knuth's TwoSum).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "../lower/program.h"

namespace vgpu {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using s8 = int8_t;
using s16 = int16_t;
using s32 = int32_t;
using s64 = int64_t;
using f32 = float;
using f64 = double;
__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 s128;

template <class To, class From>
inline To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From), "reinterpretation keeps the size");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

inline f32 canon(f32 x) { return x != x ? bits_as<f32>(u32(0x7fffffff)) : x; }
inline f64 canon(f64 x) { return x != x ? bits_as<f64>(u64(0x7ff8000000000000)) : x; }

inline bool sign_of(f32 x) { return bits_as<u32>(x) >> 31; }
inline bool sign_of(f64 x) { return bits_as<u64>(x) >> 63; }

inline f32 flush(f32 x) {
  const u32 bits = bits_as<u32>(x);
  return bits_as<f32>((bits & 0x7f800000) ? bits : (bits & 0x80000000));
}
inline f32 flush_if(f32 x, bool ftz) { return ftz ? flush(x) : x; }
inline f64 flush_if(f64 x, bool) { return x; }
template <class T>
inline T saturate(T x) { return x > T(0) ? (x < T(1) ? x : T(1)) : T(0); }   // NaN becomes +0

// What every floating-point result goes through: .ftz, .sat, the canonical NaN.
template <class T>
inline T finish(T x, const Op *op) {
  x = flush_if(x, op->flags & kFtz);
  return (op->flags & kSat) ? saturate(x) : canon(x);
}

// --- sums with their error -------------------------------------------------------------------------------------------

struct Sum { f64 value, error; };
inline Sum two_sum(f64 a, f64 b) {
  const f64 s = a + b, t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}

// value + error rounded to odd: a later rounding to fewer bits is then the rounding of the exact sum.
inline f64 to_odd(Sum x) {
  const u64 bits = bits_as<u64>(x.value);
  const bool inexact = x.error != 0 && x.error == x.error && !(bits & 1);
  const bool away = (x.error > 0) == (x.value > 0);
  return bits_as<f64>(inexact ? (away ? bits + 1 : bits - 1) : bits);
}

inline f32 next_below(f32 x) {
  const u32 bits = bits_as<u32>(x);
  const u32 below = bits & 0x80000000 ? bits + 1 : bits - 1;
  return bits_as<f32>((bits & 0x7fffffff) == 0 ? 0x80000001u : below);
}

inline f32 round_down(Sum x) {
  const f32 nearest = static_cast<f32>(x.value);
  const f64 back = nearest;
  return back > x.value || (back == x.value && x.error < 0) ? next_below(nearest) : nearest;
}

// value + error rounded to f32; `negative_zero`: the exact sum is a zero that cancelled, which .rm makes -0.
inline f32 round_sum(Sum x, Rounding mode, bool cancelled) {
  if (mode == Rounding::rn) return static_cast<f32>(to_odd(x));
  if (cancelled) return mode == Rounding::rm ? -0.0f : 0.0f;
  const bool up = mode == Rounding::rp || (mode == Rounding::rz && x.value < 0);
  return up ? -round_down({-x.value, -x.error}) : round_down(x);
}

inline f32 fma_round(f32 a, f32 b, f32 c, Rounding mode) {
  const f64 product = static_cast<f64>(a) * b;
  const Sum sum = two_sum(product, c);
  return round_sum(sum, mode, sum.value == 0 && sign_of(product) != sign_of(c));
}
inline f32 add_round(f32 a, f32 b, Rounding mode) {
  const Sum sum = two_sum(a, b);
  return round_sum(sum, mode, sum.value == 0 && sign_of(a) != sign_of(b));
}
inline f32 mul_round(f32 a, f32 b, Rounding mode) {
  const f64 product = static_cast<f64>(a) * b;
  if (product == 0 || mode == Rounding::rn) return static_cast<f32>(product);
  return round_sum({product, 0.0}, mode, false);
}

// The correctly rounded fused operation. Without an FMA unit it is built from double precision; both give the same
// bits.
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
inline f32 fused(f32 a, f32 b, f32 c) { return __builtin_fmaf(a, b, c); }
#else
inline f32 fused(f32 a, f32 b, f32 c) {
  const Sum sum = two_sum(static_cast<f64>(a) * b, c);
  return static_cast<f32>(to_odd(sum));
}
#endif

// Rounding modes of rarely used operations: the host's own mode, changed around one operation. exec/rounding.cpp
f32 div_round(f32 a, f32 b, Rounding);
f32 sqrt_round(f32 a, Rounding);
f64 add_round(f64 a, f64 b, Rounding);
f64 mul_round(f64 a, f64 b, Rounding);
f64 fma_round(f64 a, f64 b, f64 c, Rounding);
f64 div_round(f64 a, f64 b, Rounding);
f64 sqrt_round(f64 a, Rounding);
f32 narrow_round(f64 a, Rounding);

// --- minimum and maximum: NaN loses (unless .NaN), -0 < +0
// -------------------------------------------------------------

template <class T>
inline T min_of(T a, T b) {
  const T least = (a < b || (a == b && sign_of(a)) || b != b) ? a : b;
  return canon(least);
}
template <class T>
inline T max_of(T a, T b) {
  const T most = (a > b || (a == b && !sign_of(a)) || b != b) ? a : b;
  return canon(most);
}
inline f32 magnitude_of(f32 x) { return bits_as<f32>(bits_as<u32>(x) & 0x7fffffff); }
inline f64 magnitude_of(f64 x) { return bits_as<f64>(bits_as<u64>(x) & 0x7fffffffffffffff); }
template <class T>
inline T with_sign(T size, bool negative) { return negative && size == size ? -size : size; }
template <class T>
inline T min_any(T a, T b, const Op *op) {
  a = flush_if(a, op->flags & kFtz), b = flush_if(b, op->flags & kFtz);
  if ((op->flags & kNan) && (a != a || b != b)) return canon(a + b);
  if (!(op->flags & kXorSign)) return min_of(a, b);
  return with_sign(min_of(magnitude_of(a), magnitude_of(b)), sign_of(a) != sign_of(b));
}
template <class T>
inline T max_any(T a, T b, const Op *op) {
  a = flush_if(a, op->flags & kFtz), b = flush_if(b, op->flags & kFtz);
  if ((op->flags & kNan) && (a != a || b != b)) return canon(a + b);
  if (!(op->flags & kXorSign)) return max_of(a, b);
  return with_sign(max_of(magnitude_of(a), magnitude_of(b)), sign_of(a) != sign_of(b));
}

// Of three f32; Op::kind: .abs compares magnitudes, and the result is one.
inline f32 magnitude_if(f32 x, bool wanted) { return wanted && x < 0 ? -x : x == 0 && wanted ? 0.0f : x; }
inline f32 min_three(f32 a, f32 b, f32 c, const Op *op) {
  const bool abs = op->kind;
  return min_any(min_any(magnitude_if(a, abs), magnitude_if(b, abs), op), magnitude_if(c, abs), op);
}
inline f32 max_three(f32 a, f32 b, f32 c, const Op *op) {
  const bool abs = op->kind;
  return max_any(max_any(magnitude_if(a, abs), magnitude_if(b, abs), op), magnitude_if(c, abs), op);
}

// --- f32 with every modifier, and pairs of f32 in 64 bits ------------------------------------------------------------

inline f32 add_any(f32 a, f32 b, const Op *op) {
  const bool ftz = op->flags & kFtz;
  return finish(add_round(flush_if(a, ftz), flush_if(b, ftz), Rounding(op->round)), op);
}
inline f32 sub_any(f32 a, f32 b, const Op *op) { return add_any(a, -b, op); }
inline f32 mul_any(f32 a, f32 b, const Op *op) {
  const bool ftz = op->flags & kFtz;
  return finish(mul_round(flush_if(a, ftz), flush_if(b, ftz), Rounding(op->round)), op);
}
inline f32 fma_any(f32 a, f32 b, f32 c, const Op *op) {
  const bool ftz = op->flags & kFtz;
  return finish(fma_round(flush_if(a, ftz), flush_if(b, ftz), flush_if(c, ftz), Rounding(op->round)), op);
}
inline f32 low_f32(u64 pair) { return bits_as<f32>(u32(pair)); }
inline f32 high_f32(u64 pair) { return bits_as<f32>(u32(pair >> 32)); }
inline u64 pack_f32(f32 low, f32 high) { return u64(bits_as<u32>(high)) << 32 | bits_as<u32>(low); }
template <f32 (*f)(f32, f32, const Op *)>
inline u64 each_f32(u64 a, u64 b, const Op *op) {
  return pack_f32(f(low_f32(a), low_f32(b), op), f(high_f32(a), high_f32(b), op));
}
inline u64 fma_each_f32(u64 a, u64 b, u64 c, const Op *op) {
  return pack_f32(fma_any(low_f32(a), low_f32(b), low_f32(c), op), fma_any(high_f32(a), high_f32(b), high_f32(c), op));
}

// --- integers
// ----------------------------------------------------------------------------------------------------------

template <class T>
inline T divide(T a, T b) {
  if (b == 0) return T(~T(0));
  if (T(-1) < T(0) && b == T(-1)) return T(0 - std::make_unsigned_t<T>(a));
  return T(a / b);
}
template <class T>
inline T remainder(T a, T b) {
  if (b == 0) return T(~T(0));       // as the code that ptxas makes of it
  if (T(-1) < T(0) && b == T(-1)) return 0;
  return T(a % b);
}
inline u64 mul_high(u64 a, u64 b) { return u64((u128(a) * b) >> 64); }
inline s64 mul_high(s64 a, s64 b) { return s64((s128(a) * b) >> 64); }
inline s32 clamp_s32(s64 x) { return x > 0x7fffffff ? 0x7fffffff : x < -s64(0x80000000) ? s32(0x80000000) : s32(x); }
inline u32 add_each_16(u32 a, u32 b) { return ((a + b) & 0xffff) | ((a & 0xffff0000) + (b & 0xffff0000)); }

// The smaller (larger) of each pair of 16-bit halves; .relu clamps at zero.
template <class T>
inline u32 min_each_16(u32 a, u32 b, const Op *op) {
  const T low = T(a) < T(b) ? T(a) : T(b), high = T(a >> 16) < T(b >> 16) ? T(a >> 16) : T(b >> 16);
  const bool relu = op->flags & kRelu;
  return u16(relu && low < 0 ? T(0) : low) | u32(u16(relu && high < 0 ? T(0) : high)) << 16;
}
template <class T>
inline u32 max_each_16(u32 a, u32 b, const Op *op) {
  const T low = T(a) > T(b) ? T(a) : T(b), high = T(a >> 16) > T(b >> 16) ? T(a >> 16) : T(b >> 16);
  const bool relu = op->flags & kRelu;
  return u16(relu && low < 0 ? T(0) : low) | u32(u16(relu && high < 0 ? T(0) : high)) << 16;
}

template <class T>
inline T low_ones(u32 count) { return count >= sizeof(T) * 8 ? ~T(0) : (T(1) << count) - 1; }

// A position or length of bfe and bfi. The manual allows 0 to 255; beyond, the code that ptxas makes takes the lowest
// byte on 32 bits and the whole number on 64.
template <class T>
inline u32 field_count(u32 given) { return sizeof(T) == 4 ? given & 0xff : given < 0xff ? given : 0xff; }

template <class T>
inline T bit_field(T a, u32 b, u32 c, bool is_signed) {
  constexpr u32 width = sizeof(T) * 8;
  const u32 pos = field_count<T>(b), len = field_count<T>(c);
  const u32 inside = pos >= width ? 0 : len < width - pos ? len : width - pos;
  const u32 sign_at = pos + len - 1 < width - 1 ? pos + len - 1 : width - 1;
  const bool sign = is_signed && len != 0 && ((a >> sign_at) & 1);
  const T field = (pos >= width ? 0 : a >> pos) & low_ones<T>(inside);
  return sign ? field | ~low_ones<T>(inside) : field;
}
template <class T>
inline T insert_field(T a, T b, u32 c, u32 d) {
  constexpr u32 width = sizeof(T) * 8;
  const u32 pos = field_count<T>(c), len = field_count<T>(d);
  if (pos >= width || len == 0) return b;
  const T ones = low_ones<T>(len);
  return (b & ~(ones << pos)) | ((a & ones) << pos);
}
template <class T>
inline u32 leading_zeros(T a) {
  u32 zeros = 0;
  for (u32 step = sizeof(T) * 4; step; step /= 2) {
    const bool high_empty = (a >> (sizeof(T) * 8 - step)) == 0;
    zeros += high_empty ? step : 0;
    a = high_empty ? T(a << step) : a;
  }
  return a == 0 ? sizeof(T) * 8 : zeros;
}
inline u32 ones_in(u32 x) {
  x -= (x >> 1) & 0x55555555;
  x = (x & 0x33333333) + ((x >> 2) & 0x33333333);
  return (((x + (x >> 4)) & 0x0f0f0f0f) * 0x01010101) >> 24;
}
inline u32 reverse_bits(u32 x) {
  x = ((x >> 1) & 0x55555555) | ((x & 0x55555555) << 1);
  x = ((x >> 2) & 0x33333333) | ((x & 0x33333333) << 2);
  x = ((x >> 4) & 0x0f0f0f0f) | ((x & 0x0f0f0f0f) << 4);
  return __builtin_bswap32(x);
}
template <class T, class Magnitude>
inline u32 find_leading(T a, Magnitude, bool shift_amount) {
  const Magnitude magnitude = a < 0 ? Magnitude(~a) : Magnitude(a);
  if (magnitude == 0) return 0xffffffff;
  const u32 zeros = leading_zeros(magnitude);
  return shift_amount ? zeros : u32(sizeof(T) * 8 - 1) - zeros;
}


template <class A, class B>
inline u32 dot4(u32 a, u32 b) {
  u32 sum = 0;
  for (u32 i = 0; i < 32; i += 8) sum += u32(s32(A(a >> i)) * s32(B(b >> i)));
  return sum;
}
template <class A, class B>
inline u32 dot2(u32 a, u32 b) {
  return u32(s32(A(a)) * s32(B(b))) + u32(s32(A(a >> 16)) * s32(B(b >> 8)));
}

// Each bit of the result is bit (a, b, c) of the table.
inline u32 logic3(u32 a, u32 b, u32 c, u32 table) {
  u32 result = 0;
  for (u32 row = 0; row < 8; ++row) {
    const u32 term = (row & 4 ? a : ~a) & (row & 2 ? b : ~b) & (row & 1 ? c : ~c);
    result |= table >> row & 1 ? term : 0;
  }
  return result;
}

// Modes of prmt, in the order of their tokens; 0 is the default mode.
enum : uint8_t { kPrmt, kF4e, kB4e, kRc8, kEcl, kEcr, kRc16 };
inline u32 permute_selector(u32 c, uint8_t mode) {
  const u32 i = c & 3;
  switch (mode) {
    case kF4e: return 0x3210 + 0x1111 * i;
    case kB4e: return ((8 - 3 + i) % 8) << 12 | ((8 - 2 + i) % 8) << 8 | ((8 - 1 + i) % 8) << 4 | i;
    case kRc8: return 0x1111 * i;
    case kEcl: return i == 0 ? 0x3210 : i == 1 ? 0x3211 : i == 2 ? 0x3222 : 0x3333;
    case kEcr: return i == 0 ? 0x0000 : i == 1 ? 0x1110 : i == 2 ? 0x2210 : 0x3210;
    case kRc16: return i & 1 ? 0x3232 : 0x1010;
    default: return c;
  }
}
inline u32 permute_bytes(u32 a, u32 b, u32 c, uint8_t mode) {
  const u64 both = u64(b) << 32 | a;
  const u32 selector = permute_selector(c, mode);
  u32 result = 0;
  for (u32 i = 0; i < 4; ++i) {
    const u32 select = selector >> (4 * i), byte = u32(both >> ((select & 7) * 8)) & 0xff;
    const u32 sign = byte & 0x80 ? 0xff : 0;
    result |= (mode == kPrmt && (select & 8) ? sign : byte) << (8 * i);
  }
  return result;
}

}  // namespace vgpu
