// d = a b + c on fragments: the scalar definition, which says what every form of mma computes.
//
//   f32   one fused multiply-add for each k in rising order, starting from c; f16 accumulators are widened to f32 first
//         and rounded to f16 once, at the end. Tensor cores sum in another order and with other intermediate roundings.
//   f64   one fused multiply-add for each k in rising order, rounded as the form says.
//   s32   exact; the sum wraps, or with .satfinite is clamped once, at the end.
//   b1    the number of ones in a AND b, or in a XOR b, added to c; the sum wraps.
// exec/panels.h computes the same bits for f16, bf16 and tf32 in vector code.
#pragma once

#include "fragments.h"

namespace vgpu {

// Op::kind of a product: of integers whether a and b are signed, of fp8 whether they are e5m2; which bit operation.
enum : uint8_t { kFirstSigned = 1, kSecondSigned = 2, kXorBits = 4, kClamped = 8 };

template <class S>
struct Tile {
  typename S::A::Value a[S::m][S::k];
  typename S::B::Value b[S::k][S::n];
  typename S::C::Value c[S::m][S::n];
};

template <class S>
inline void read_tile(const Warp &w, const OperandList &r, u8 kind, Tile<S> &tile) {
  for (u32 i = 0; i < S::a_registers; ++i) {
    const auto *lanes = lanes_at<typename S::A::Register>(w, r.a[i]);
    for (u32 lane = 0; lane < kWarpSize; ++lane) {
      for (u32 e = 0; e < S::A::per; ++e) {
        const Place at = place_in_a<typename S::A, S::m>(i, lane, e);
        tile.a[at.row][at.column] = S::A::get(lanes[lane], e, kind & kFirstSigned);
      }
    }
  }
  for (u32 i = 0; i < S::b_registers; ++i) {
    const auto *lanes = lanes_at<typename S::B::Register>(w, r.b[i]);
    for (u32 lane = 0; lane < kWarpSize; ++lane) {
      for (u32 e = 0; e < S::B::per; ++e) {
        const Place at = place_in_b<typename S::B, S::k>(i, lane, e);
        tile.b[at.row][at.column] = S::B::get(lanes[lane], e, kind & kSecondSigned);
      }
    }
  }
  for (u32 i = 0; i < S::c_registers; ++i) {
    const auto *lanes = lanes_at<typename S::C::Register>(w, r.c[i]);
    for (u32 lane = 0; lane < kWarpSize; ++lane) {
      for (u32 e = 0; e < S::C::per; ++e) {
        const Place at = place_in_c<typename S::C, S::m>(i, lane, e);
        tile.c[at.row][at.column] = S::C::get(lanes[lane], e, false);
      }
    }
  }
}

// One step of a sum, and the whole sum where steps are not enough.
inline f32 add_product(f32 a, f32 b, f32 sum, const Op *) { return fused(a, b, sum); }
inline f64 add_product(f64 a, f64 b, f64 sum, const Op *op) {
  const Rounding mode = Rounding(op->round);
  return mode == Rounding::rn ? f64(__builtin_fma(a, b, sum)) : fma_round(a, b, sum, mode);
}
inline s64 add_product(s32 a, s32 b, s64 sum, const Op *) { return sum + s64(a) * b; }
inline s64 add_product(u32 a, u32 b, s64 sum, const Op *op) {
  return sum + ones_in(op->kind & kXorBits ? a ^ b : a & b);
}

template <class C> struct SumOf { using Type = C; };
template <> struct SumOf<s32> { using Type = s64; };

template <class D> struct Result;
template <> struct Result<SingleElement> {
  static u32 of(f32 x, const Op *) { return bits_as<u32>(canon(x)); }
};
template <> struct Result<HalfElement> {
  static u32 of(f32 x, const Op *) { return f32_to_f16(x); }
};
template <> struct Result<DoubleElement> {
  static u64 of(f64 x, const Op *) { return bits_as<u64>(canon(x)); }
};
template <> struct Result<IntElement> {
  static u32 of(s64 x, const Op *op) { return op->kind & kClamped ? u32(clamp_s32(x)) : u32(x); }
};

template <class S>
inline typename SumOf<typename S::C::Value>::Type sum_at(const Tile<S> &tile, const Place &at, const Op *op) {
  typename SumOf<typename S::C::Value>::Type sum = tile.c[at.row][at.column];
  for (u32 k = 0; k < S::k; ++k) sum = add_product(tile.a[at.row][k], tile.b[k][at.column], sum, op);
  return sum;
}

template <class S>
inline void multiply_plain(const Warp &w, const Op *op, const OperandList &r) {
  Tile<S> tile;
  read_tile<S>(w, r, op->kind, tile);
  using D = typename S::D;
  using Register = typename D::Register;
  for (u32 i = 0; i < S::d_registers; ++i) {
    Register *lanes = lanes_at<Register>(w, r.d[i]);
    for (u32 lane = 0; lane < kWarpSize; ++lane) {
      Register packed = 0;
      for (u32 e = 0; e < D::per; ++e) {
        const Register result = Result<D>::of(sum_at<S>(tile, place_in_c<D, S::m>(i, lane, e), op), op);
        packed |= result << (e * 16);
      }
      lanes[lane] = packed;
    }
  }
}

}  // namespace vgpu
