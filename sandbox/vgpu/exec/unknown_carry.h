// What is unknown of a sum with a carry in, and whether the carry that it leaves is.
#pragma once

#include "numeric.h"

namespace vgpu {

// The least and the most that an unsigned value can be: it is unknown in the bits in which they differ.
struct Bounds { u64 least, most; };

struct CarriedSum { u64 unknown; bool carry; };

// Of a + b + carry, of so many bits. The carry is one more bit below both operands: its own sum is then a carry.
inline CarriedSum unknown_carried_sum(Bounds a, Bounds b, Bounds carry, u32 bits) {
  const u128 a_least = u128(a.least) << 1 | carry.least, a_most = u128(a.most) << 1 | carry.most;
  const u128 b_least = u128(b.least) << 1 | carry.least, b_most = u128(b.most) << 1 | carry.most;
  const u128 unknown = (a_least ^ a_most) | (b_least ^ b_most) | ((a_least + b_least) ^ (a_most + b_most));
  const u128 sum = unknown >> 1;
  return {u64(bits == 64 ? sum : sum & ((u128(1) << bits) - 1)), bool(sum >> bits & 1)};
}

// The upper half of a product of two known factors of so many bits.
inline u64 upper_product(u64 a, u64 b, u32 bits, bool is_signed) {
  if (!is_signed) return u64(u128(a) * b >> bits);
  const u32 shift = 64 - bits;
  return u64(u128(s128(s64(a << shift) >> shift) * (s64(b << shift) >> shift)) >> bits);
}

}  // namespace vgpu
