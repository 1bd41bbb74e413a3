// Handlers of isa/convert.def: cvt among all integer and floating types, mov, packing and unpacking, address spaces.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-cvt
#include <limits>

#include "bits.h"
#include "fp8.h"
#include "table.h"

namespace vgpu {
namespace {

// op->round of a cvt to an integer or to an integral float.
template <class T>
T round_integral(T x, uint8_t mode) {
  switch (Rounding(mode)) {
    case Rounding::rz: return std::trunc(x);
    case Rounding::rm: return std::floor(x);
    case Rounding::rp: return std::ceil(x);
    default: return std::nearbyint(x);
  }
}

// Clamped to the range of I; NaN becomes 0, or only the top bit where either type has 64 bits.
template <class I, class T>
I to_integer(T x) {
  constexpr bool wide = sizeof(I) == 8;
  constexpr u32 top = sizeof(I) * 8 - 1;
  constexpr I low = std::numeric_limits<I>::min(), high = std::numeric_limits<I>::max();
  if (x != x) return wide || sizeof(T) == 8 ? I(u64(1) << top) : I(0);
  if (x >= (wide ? (low ? T(0x1p63) : T(0x1p64)) : T(high) + (sizeof(T) == 8 ? T(1) : T(0)))) return high;
  if (x <= T(low)) return low;
  return I(x);
}

// A directed rounding to half precision: the nearest one, or its neighbour towards the asked side. `x` may be rounded
// to odd.
template <class H>
u16 direct_half(f32 x, Rounding mode) {
  const u16 nearest = H::narrow(x);
  if (x - x != 0 || mode == Rounding::rn) return nearest;
  const f32 back = H::widen(nearest);
  const bool negative = nearest & 0x8000;
  const bool down = back > x && (mode == Rounding::rm || (mode == Rounding::rz && !negative));
  const bool up = back < x && (mode == Rounding::rp || (mode == Rounding::rz && negative));
  const bool zero = (nearest & 0x7fff) == 0;
  if (down) return zero ? 0x8001 : u16(negative ? nearest + 1 : nearest - 1);
  if (up) return zero ? 0x0001 : u16(negative ? nearest - 1 : nearest + 1);
  return nearest;
}
u16 truncate_f16(f32 x) { return direct_half<F16>(x, Rounding::rz); }
u16 truncate_bf16(f32 x) { return direct_half<Bf16>(x, Rounding::rz); }

// Without .ftz and .sat a move, which keeps the payload of a NaN.
template <class T>
T as_moved(T x, const Op *op) { return op->flags & (kFtz | kSat) ? finish(x, op) : x; }

constexpr u32 kInfinity = 0x7f800000, kLowTf32 = 0x1fff;
u32 magnitude(u32 x) { return x & 0x7fffffff; }

// 10 bits of fraction are kept. Ties away are whole-number arithmetic on every card: a NaN loses its low bits like
// any number, and may become infinity.
u32 away_to_tf32(u32 x, bool finite) {
  const u32 rounded = (magnitude(x) < kInfinity ? x + 0x1000 : x) & ~kLowTf32;
  return finite && magnitude(rounded) >= kInfinity ? rounded - 0x2000 : rounded;
}

// To nearest with ties away (rna), to even (rn), or cut (rz).
u32 to_tf32(u32 x, const Op *op) {
  const Rounding mode = Rounding(op->round);
  if (mode == Rounding::rna) return away_to_tf32(x, op->flags & kFinite);
  if (magnitude(x) > kInfinity) return 0x7fffffff;
  if (op->flags & kRelu && x >> 31) return 0;
  const u32 half = mode == Rounding::rn && magnitude(x) < kInfinity ? 0xfff + (x >> 13 & 1) : 0;
  const u32 rounded = (x + half) & ~kLowTf32;
  return op->flags & kFinite && magnitude(rounded) == kInfinity ? rounded - 0x2000 : rounded;
}

// --- any type to any type, lane by lane
// --------------------------------------------------------------------------------

// op->kind is the destination, op->n the source: 0-7 integers u8 s8 u16 s16 u32 s32 u64 s64, then f16 bf16 f32 f64.
enum : uint8_t { kU64 = 6, kS64 = 7, kF16 = 8, kBf16 = 9, kF32 = 10, kF64 = 11 };

bool is_floating(uint8_t type) { return type >= kF16; }
u32 bits_of(uint8_t integer) { return 8u << (integer / 2); }

u64 extend(u64 raw, uint8_t type) {
  const u32 unused = 64 - bits_of(type);
  return type & 1 ? u64(s64(raw << unused) >> unused) : raw << unused >> unused;
}

f64 widen_float(u64 raw, uint8_t type) {
  if (type == kF16) return f16_to_f32(u16(raw));
  if (type == kBf16) return bf16_to_f32(u16(raw));
  return type == kF32 ? bits_as<f32>(u32(raw)) : bits_as<f64>(raw);
}

// The exact integer as a rounded-to-odd double.
f64 integer_to_odd(u64 value, bool is_signed) {
  const bool negative = is_signed && s64(value) < 0;
  const u64 size = negative ? 0 - value : value;
  const u32 shift = size >> 53 ? 11 - leading_zeros(size) : 0;
  const u64 kept = size >> shift, lost = size & low_ones<u64>(shift);
  const f64 result = f64(kept | (lost ? 1 : 0)) * f64(u64(1) << shift);
  return negative ? -result : result;
}

u64 round_half(f64 x, const Op *op) {
  const Rounding mode = Rounding(op->round);
  const f32 odd = narrow_odd(x);
  return op->kind == kBf16 ? direct_half<Bf16>(odd, mode) : direct_half<F16>(odd, mode);
}

u64 float_result(f64 x, const Op *op) {
  switch (op->kind) {
    case kF16: return clamp_half<F16>(u16(round_half(x, op)), op);
    case kBf16: return clamp_half<Bf16>(u16(round_half(x, op)), op);
    case kF32: return bits_as<u32>(finish(narrow_round(x, Rounding(op->round)), op));
    default: return bits_as<u64>(finish(x, op));
  }
}

u64 integer_result(u64 value, bool source_signed, const Op *op) {
  if (!(op->flags & kSat)) return value;
  const u32 bits = bits_of(op->kind);
  const bool negative = source_signed && s64(value) < 0;
  if (op->kind & 1) {
    const s64 high = s64(low_ones<u64>(bits - 1)), low = -high - 1;
    if (negative) return s64(value) < low ? u64(low) : value;
    return value > u64(high) ? u64(high) : value;
  }
  return negative ? 0 : value > low_ones<u64>(bits) ? low_ones<u64>(bits) : value;
}

u64 float_to_integer(f64 x, const Op *op) {
  const f64 whole = round_integral(x, op->round);
  if (op->kind == kU64) return to_integer<u64>(whole);
  if (op->kind == kS64) return u64(to_integer<s64>(whole));
  const u32 bits = bits_of(op->kind);
  const f64 high = op->kind & 1 ? f64(low_ones<u64>(bits - 1)) : f64(low_ones<u64>(bits));
  const f64 low = op->kind & 1 ? -high - 1 : 0;
  if (x != x) return op->n == kF64 ? u64(1) << (bits - 1) : 0;
  return u64(s64(whole < low ? low : whole > high ? high : whole));
}

u64 convert(u64 raw, const Op *op) {
  if (!is_floating(op->n)) {
    const u64 value = extend(raw, op->n);
    if (!is_floating(op->kind)) return integer_result(value, op->n & 1, op);
    if (op->kind != kF64) return float_result(integer_to_odd(value, op->n & 1), op);
    const f64 odd = op->n & 1 ? f64(s64(value)) : f64(value);
    return Rounding(op->round) == Rounding::rn
               ? bits_as<u64>(odd)
               : bits_as<u64>(fma_round(f64(op->n & 1 ? f64(s64(value) >> 32) : f64(value >> 32)), 0x1p32,
                                        f64(value & 0xffffffff), Rounding(op->round)));
  }
  f64 x = widen_float(raw, op->n);
  // ptxas drops .ftz of conversions to f16 (F2FP, F2F without FTZ).
  if ((op->flags & kFtz) && op->n == kF32 && op->kind != kF16) x = flush(f32(x));
  if (!is_floating(op->kind)) return float_to_integer(x, op);
  return float_result(op->flags & kIntegral ? round_integral(x, op->round) : x, op);
}

template <class D, class A>
const Op *convert_lanes(Warp &w, const Op *op) {
  const A *a = lanes_at<A>(w, op->a);
  D *d = lanes_at<D>(w, op->d);
  for (u32 i = 0; i < kWarpSize; ++i) {
    if (in_mask(w.mask, i)) d[i] = D(convert(a[i], op));
  }
  return op + 1;
}
const Op *cvt_any_ww(Warp &w, const Op *op) { return convert_lanes<u32, u32>(w, op); }
const Op *cvt_any_wx(Warp &w, const Op *op) { return convert_lanes<u32, u64>(w, op); }
const Op *cvt_any_xw(Warp &w, const Op *op) { return convert_lanes<u64, u32>(w, op); }
const Op *cvt_any_xx(Warp &w, const Op *op) { return convert_lanes<u64, u64>(w, op); }

// --- packing
// -----------------------------------------------------------------------------------------------------------

template <class Whole, u32 parts>
const Op *unpack(Warp &w, const Op *op) {
  constexpr u32 width = sizeof(Whole) * 8 / parts;
  Whole whole[kWarpSize];
  std::memcpy(whole, w.frame + op->a, sizeof whole);
  for (u32 part = 0; part < parts; ++part) {
    write_lanes<u32>(w, part == 0 ? op->d : op->v[part - 1],
                     [&](u32 i) { return u32(whole[i] >> (part * width)) & low_ones<u32>(width); });
  }
  return op + 1;
}
const Op *unpack_2x16(Warp &w, const Op *op) { return unpack<u32, 2>(w, op); }
const Op *unpack_4x8(Warp &w, const Op *op) { return unpack<u32, 4>(w, op); }
const Op *unpack_2x32(Warp &w, const Op *op) { return unpack<u64, 2>(w, op); }
const Op *unpack_4x16(Warp &w, const Op *op) { return unpack<u64, 4>(w, op); }
const Op *unpack_2x8(Warp &w, const Op *op) {
  u32 whole[kWarpSize];
  std::memcpy(whole, w.frame + op->a, sizeof whole);
  write_lanes<u32>(w, op->d, [&](u32 i) { return whole[i] & 0xff; });
  write_lanes<u32>(w, op->v[0], [&](u32 i) { return whole[i] >> 8 & 0xff; });
  return op + 1;
}

const Op *isspacep(Warp &w, const Op *op) {
  const u64 *a = lanes_at<u64>(w, op->a);
  const u64 low = Space(op->kind) == Space::shared ? kSharedWindow : kLocalWindow;
  const bool windowed = Space(op->kind) == Space::shared || Space(op->kind) == Space::local;
  write_predicate(w, op->d, lanes_where([&](u32 i) {
    return windowed ? a[i] - low < kWindowBytes : Space(op->kind) == Space::global && a[i] >= kGlobalBase;
  }));
  return op + 1;
}

// Virtual time rises with the instructions executed, and with each reading.
u64 next_tick(Warp &w) {
  w.run->slept += 4;
  return clock_of(*w.run);
}
const Op *read_clock32(Warp &w, const Op *op) {
  const u64 now = next_tick(w);
  write_lanes<u32>(w, op->d, [=](u32) { return u32(now); });
  return op + 1;
}
const Op *read_clock_high(Warp &w, const Op *op) {
  const u64 now = next_tick(w);
  write_lanes<u32>(w, op->d, [=](u32) { return u32(now >> 32); });
  return op + 1;
}
const Op *read_clock64(Warp &w, const Op *op) {
  const u64 now = next_tick(w);
  write_lanes<u64>(w, op->d, [=](u32) { return now; });
  return op + 1;
}

#define LANES1 DEFINE_LANES1
#define LANES2 DEFINE_LANES2
#define LANES3 DEFINE_LANES3
#define LANES4 DEFINE_LANES4
#define PLAIN NO_ROW
#include "../isa/convert.def"
#undef LANES1
#undef LANES2
#undef LANES3
#undef LANES4
#undef PLAIN
}  // namespace

void add_convert(HandlerTable &table) {
#define LANES1 TABLE_ROW
#define LANES2 TABLE_ROW
#define LANES3 TABLE_ROW
#define LANES4 TABLE_ROW
#define PLAIN TABLE_ROW
#include "../isa/convert.def"
}

}  // namespace vgpu
