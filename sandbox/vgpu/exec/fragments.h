// Where the elements of a matrix lie in the registers of a warp.
//
// One rule holds for every shape of mma but m8n8k4 with f16, and this machine uses it for wmma too, whose layout the
// manual leaves open. A register holds E elements (f16: 2, s8: 4, f32 and f64: 1). Let g = lane / 4 and t = lane % 4.
//   A (M x K)   register i, element e: row g + 8 (i mod M/8), column 4E (i div M/8) + E t + e
//   B (K x N)   register i, element e: row 4E (i mod K/4E) + E t + e, column g + 8 (i div K/4E)
//   C, D (M x N)   element p = 0, 1 of pair j: row g + 8 (j mod M/8), column 8 (j div M/8) + 2 t + p; a pair is two
//               registers of 4 or 8 bytes, or the halves of one
// https://docs.nvidia.com/cuda/parallel-thread-execution/#warp-level-matrix-instructions-for-mma
#pragma once

#include "../isa/isa.h"
#include "control.h"
#include "half.h"
#include "lanes.h"

namespace vgpu {

// Elements as they lie in a register: `Value` is what is computed with, `per` how many a register holds. `is_signed`
// matters to integers only.
struct HalfElement {
  using Value = f32;
  using Register = u32;
  static constexpr u32 per = 2;
  static Value get(Register r, u32 e, bool) { return f16_to_f32(u16(r >> (16 * e))); }
};
struct BrainElement {
  using Value = f32;
  using Register = u32;
  static constexpr u32 per = 2;
  static Value get(Register r, u32 e, bool) { return bf16_to_f32(u16(r >> (16 * e))); }
};
// The upper 19 bits of the register.
struct Tf32Element {
  using Value = f32;
  using Register = u32;
  static constexpr u32 per = 1;
  static Value get(Register r, u32, bool) { return bits_as<f32>(r & 0xffffe000); }
};
struct SingleElement {
  using Value = f32;
  using Register = u32;
  static constexpr u32 per = 1;
  static Value get(Register r, u32, bool) { return bits_as<f32>(r); }
};
struct DoubleElement {
  using Value = f64;
  using Register = u64;
  static constexpr u32 per = 1;
  static Value get(Register r, u32, bool) { return bits_as<f64>(r); }
};
struct IntElement {
  using Value = s32;
  using Register = u32;
  static constexpr u32 per = 1;
  static Value get(Register r, u32, bool) { return s32(r); }
};
struct ByteElement {
  using Value = s32;
  using Register = u32;
  static constexpr u32 per = 4;
  static Value get(Register r, u32 e, bool is_signed) {
    const u32 byte = r >> (8 * e) & 0xff;
    return s32(byte) - (is_signed ? s32(byte & 0x80) * 2 : 0);
  }
};
struct NibbleElement {
  using Value = s32;
  using Register = u32;
  static constexpr u32 per = 8;
  static Value get(Register r, u32 e, bool is_signed) {
    const u32 nibble = r >> (4 * e) & 0xf;
    return s32(nibble) - (is_signed ? s32(nibble & 8) * 2 : 0);
  }
};
// 32 single bits are multiplied at once, so they are one element here.
struct BitsElement {
  using Value = u32;
  using Register = u32;
  static constexpr u32 per = 1;
  static Value get(Register r, u32, bool) { return r; }
};
// e4m3 has no infinity and one NaN; e5m2 is the upper byte of an f16. A form may mix them: `is_e5m2` chooses.
struct QuarterElement {
  using Value = f32;
  using Register = u32;
  static constexpr u32 per = 4;
  static Value get(Register r, u32 e, bool is_e5m2) {
    const u32 byte = r >> (8 * e) & 0xff;
    if (is_e5m2) return f16_to_f32(u16(byte << 8));
    if ((byte & 0x7f) == 0x7f) return bits_as<f32>(u32(0x7fffffff));
    const f32 magnitude = bits_as<f32>((byte & 0x7f) << 20) * 0x1p120f;         // exact, subnormals included
    return byte & 0x80 ? -magnitude : magnitude;
  }
};

struct Place { u32 row, column; };
template <class E, u32 m>
inline Place place_in_a(u32 i, u32 lane, u32 e) {
  return {lane / 4 + 8 * (i % (m / 8)), 4 * E::per * (i / (m / 8)) + lane % 4 * E::per + e};
}
template <class E, u32 k>
inline Place place_in_b(u32 i, u32 lane, u32 e) {
  constexpr u32 groups = k / (4 * E::per);
  return {4 * E::per * (i % groups) + lane % 4 * E::per + e, lane / 4 + 8 * (i / groups)};
}
template <class E, u32 m>
inline Place place_in_c(u32 i, u32 lane, u32 e) {
  const u32 pair = i * E::per / 2, p = (i * E::per + e) % 2;
  return {lane / 4 + 8 * (pair % (m / 8)), 8 * (pair / (m / 8)) + lane % 4 * 2 + p};
}

// A product of one shape: d = a b + c. `a_listed` and `b_listed` are the registers that the form names: wmma lists 8
// for f16 whatever the shape needs; the rest holds copies.
template <u32 m_, u32 n_, u32 k_, class A_, class B_, class C_, class D_, u32 a_listed_ = 0, u32 b_listed_ = 0>
struct Product {
  static constexpr u32 m = m_, n = n_, k = k_;
  using A = A_;
  using B = B_;
  using C = C_;
  using D = D_;
  static constexpr u32 a_registers = m * k / (32 * A::per), b_registers = k * n / (32 * B::per);
  static constexpr u32 c_registers = m * n / (32 * C::per), d_registers = m * n / (32 * D::per);
  static constexpr u32 a_listed = a_listed_ ? a_listed_ : a_registers, b_listed = b_listed_ ? b_listed_ : b_registers;
};

// Registers of an operand list: program.extra from op->target on, in the order d, a, b, c.
struct OperandList { const u32 *d, *a, *b, *c; };
template <class S>
inline OperandList operands_of_product(const Warp &w, const Op *op) {
  const u32 *d = w.run->program->extra.data() + op->target, *a = d + S::d_registers, *b = a + S::a_listed;
  return {d, a, b, b + S::b_listed};
}

// Every lane of the warp must take part. False: the handler returns Warp::elsewhere.
inline bool whole_warp(Warp &w, const Op *op) {
  w.elsewhere = nullptr;
  if (w.mask == kAllLanes) return true;
  const bool exited = w.live != kAllLanes;
  w.elsewhere = exited ? stop_at_absent(w, op, ~w.mask) : wait_for(w, op, ~w.mask);
  return false;
}

}  // namespace vgpu
