// What an atomic update makes of the old value, for each type of element.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#parallel-synchronization-and-communication-instructions-atom
#pragma once

#include "half.h"

namespace vgpu {

// op->kind, in the order of isa/memory.def's tokens.
enum : uint8_t { kExch, kCas, kAdd, kMin, kMax, kAnd, kOr, kXor, kInc, kDec };

template <class T>
struct Element {
  using Bits = T;
  static T add(T a, T b, const Op *) { return T(a + b); }
  static T least(T a, T b, const Op *) { return a < b ? a : b; }
  static T most(T a, T b, const Op *) { return a > b ? a : b; }
};
template <>
struct Element<f32> {
  using Bits = u32;
  static u32 add(u32 a, u32 b, const Op *) { return bits_as<u32>(canon(bits_as<f32>(a) + bits_as<f32>(b))); }
  static u32 least(u32 a, u32 b, const Op *) { return bits_as<u32>(min_of(bits_as<f32>(a), bits_as<f32>(b))); }
  static u32 most(u32 a, u32 b, const Op *) { return bits_as<u32>(max_of(bits_as<f32>(a), bits_as<f32>(b))); }
};
template <>
struct Element<f64> {
  using Bits = u64;
  static u64 add(u64 a, u64 b, const Op *) { return bits_as<u64>(canon(bits_as<f64>(a) + bits_as<f64>(b))); }
  static u64 least(u64 a, u64 b, const Op *) { return bits_as<u64>(min_of(bits_as<f64>(a), bits_as<f64>(b))); }
  static u64 most(u64 a, u64 b, const Op *) { return bits_as<u64>(max_of(bits_as<f64>(a), bits_as<f64>(b))); }
};
template <class H>
struct HalfElement {
  using Bits = u16;
  static u16 add(u16 a, u16 b, const Op *op) { return add_half<H>(a, b, op); }
  static u16 least(u16 a, u16 b, const Op *op) { return min_half<H>(a, b, op); }
  static u16 most(u16 a, u16 b, const Op *op) { return max_half<H>(a, b, op); }
};
template <class H>
struct Half2Element {
  using Bits = u32;
  static u32 add(u32 a, u32 b, const Op *op) { return each_half<add_half<H>>(a, b, op); }
  static u32 least(u32 a, u32 b, const Op *op) { return each_half<min_half<H>>(a, b, op); }
  static u32 most(u32 a, u32 b, const Op *op) { return each_half<max_half<H>>(a, b, op); }
};
struct F16x2 {};
struct Bf16x2 {};
template <> struct Element<F16> : HalfElement<F16> {};
template <> struct Element<Bf16> : HalfElement<Bf16> {};
template <> struct Element<F16x2> : Half2Element<F16> {};
template <> struct Element<Bf16x2> : Half2Element<Bf16> {};

template <class T, class Bits = typename Element<T>::Bits>
inline Bits updated(Bits old, Bits b, Bits c, const Op *op) {
  switch (op->kind) {
    case kExch: return b;
    case kCas: return old == b ? c : old;
    case kAdd: return Element<T>::add(old, b, op);
    case kMin: return Element<T>::least(old, b, op);
    case kMax: return Element<T>::most(old, b, op);
    case kAnd: return Bits(old & b);
    case kOr: return Bits(old | b);
    case kXor: return Bits(old ^ b);
    case kInc: return old >= b ? Bits(0) : Bits(old + 1);
    default: return old == 0 || old > b ? b : Bits(old - 1);
  }
}

// Global memory's adder of f32 takes and gives no subnormal numbers (ATOMG.E.ADD.F32.FTZ); in shared memory the
// addition is one of the multiprocessor, which does.
template <Space S, class T, class Bits>
inline Bits updated_in(Bits old, Bits b, Bits c, const Op *op) {
  if constexpr (S == Space::global && std::is_same<T, f32>::value) {
    if (op->kind == kAdd) {
      const f32 sum = flush(bits_as<f32>(old)) + flush(bits_as<f32>(b));
      return bits_as<u32>(canon(flush(sum)));
    }
  }
  return updated<T>(old, b, c, op);
}

}  // namespace vgpu
