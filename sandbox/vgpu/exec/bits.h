// Integer operations on single bits and fields whose manual entry is a little program: szext, bmsk, fns, cvt.pack.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#integer-arithmetic-instructions
#pragma once

#include "numeric.h"

namespace vgpu {

// Op::kind of szext and bmsk: 0 .wrap, 1 .clamp.
inline u32 extend_from(u32 a, u32 b, bool is_signed, bool clamps) {
  const u32 width = b & 31;
  const bool whole = clamps && b >= 32;
  const u32 above = whole ? 0 : ~u32(0) << width;
  const bool sign = is_signed && width != 0 && !whole && (a >> (width - 1) & 1);
  return (a & ~above) | (sign ? above : 0);
}
inline u32 bit_mask(u32 a, u32 b, bool clamps) {
  const u32 position = a & 31, width = b & 31;
  const u32 from = clamps && a >= 32 ? 0 : ~u32(0) << position;
  const bool to_the_end = position + width >= 32 || (clamps && (a >= 32 || b >= 32));
  return from & (to_the_end ? ~u32(0) : ~(~u32(0) << (position + width)));
}

// The position of the offset-th set bit, counted from `base` upwards (offset > 0) or downwards; none: 0xffffffff.
inline u32 find_nth_set(u32 mask, u32 base, s32 offset) {
  if (offset == 0) return base < 32 && (mask >> base & 1) ? base : 0xffffffff;
  u32 left = offset < 0 ? 0 - u32(offset) : u32(offset);
  for (u32 at = base; at < 32; at += offset < 0 ? ~u32(0) : 1) {
    left -= mask >> at & 1;
    if (left == 0) return at;
  }
  return 0xffffffff;
}

// a and b clamped to `bits` bits and packed, a above b, below the low bits of c.
inline u32 pack_clamped(s32 a, s32 b, u32 c, u32 bits, bool is_signed) {
  const s64 low = is_signed ? -(s64(1) << (bits - 1)) : 0, high = low + (s64(1) << bits) - 1;
  const auto clamped = [=](s64 x) { return u32(u64(x < low ? low : x > high ? high : x) & low_ones<u64>(bits)); };
  return (bits < 16 ? c << (2 * bits) : 0) | clamped(a) << bits | clamped(b);
}

}  // namespace vgpu
