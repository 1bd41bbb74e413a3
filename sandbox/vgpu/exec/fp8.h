// e4m3 and e5m2, the 8-bit floating types of cvt (sm_89 on): exact widening, and narrowing that rounds once to the
// nearest even value and saturates (.satfinite: what is beyond the largest finite value becomes that value).
// A NaN is 0x7f, whatever the source's payload and sign.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#alternate-floating-point-data-formats
#pragma once

#include "half.h"

namespace vgpu {

struct E4m3 { static constexpr u32 fraction = 3, bias = 7, most = 0x7e, infinity = 0x80; };
struct E5m2 { static constexpr u32 fraction = 2, bias = 15, most = 0x7b, infinity = 0x7c; };

inline f64 power_of_two(s32 exponent) { return bits_as<f64>(u64(exponent + 1023) << 52); }

template <class E>
inline u32 narrow_fp8(f32 x) {
  const u32 sign = bits_as<u32>(x) >> 24 & 0x80;
  const f64 size = bits_as<f32>(bits_as<u32>(x) & 0x7fffffff);
  if (x != x) return 0x7f;
  if (size > power_of_two(127 - 1)) return sign | E::most;
  const s32 own = s32(bits_as<u64>(size) >> 52) - 1023, least = 1 - s32(E::bias);
  const s32 exponent = own < least ? least : own;
  // Units in the last place; a carry runs into the exponent as it should.
  const u32 units = u32(std::nearbyint(size * power_of_two(s32(E::fraction) - exponent)));
  const u32 bits = (u32(exponent - least) << E::fraction) + units;
  return sign | (bits > E::most ? E::most : bits);
}
template <class E>
inline f32 widen_fp8(u32 bits) {
  const u32 size = bits & 0x7f, exponent = size >> E::fraction, units = size & ((1u << E::fraction) - 1);
  f64 value = f64(exponent ? units + (1u << E::fraction) : units) *
              power_of_two(s32(exponent ? exponent : 1) - s32(E::bias) - s32(E::fraction));
  if (size >= E::infinity) value = INFINITY;
  if (size == 0x7f || size > E::infinity) return bits_as<f32>(u32(0x7fffffff));
  return f32(bits & 0x80 ? -value : value);
}

template <class E>
inline u32 narrow_fp8(f32 x, const Op *op) {
  return narrow_fp8<E>((op->flags & kRelu) && sign_of(x) && x == x ? 0 : x);
}
template <class E>
inline u32 pack_fp8(f32 high, f32 low, const Op *op) { return narrow_fp8<E>(high, op) << 8 | narrow_fp8<E>(low, op); }
template <class E>
inline u32 halves_of_fp8(u32 pair, const Op *op) {
  return pack_halves(finish_half<F16>(f32_to_f16(widen_fp8<E>(pair)), op),
                     finish_half<F16>(f32_to_f16(widen_fp8<E>(pair >> 8)), op));
}

// The largest finite half instead of infinity.
template <class H>
inline u16 finite_half(u16 h) { return (h & 0x7fff) == H::infinity ? u16((h & 0x8000) | (H::infinity - 1)) : h; }

}  // namespace vgpu
