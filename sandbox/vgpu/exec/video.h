// Video instructions on the bytes or half-words of 32-bit registers, each lane of the register for itself.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#simd-video-instructions
//
// A lane is widened as its type says, combined, then cut or clamped (.sat) to the type of the result; .add sums the
// lanes and adds the third operand. Selectors (.b0, .h1, lane masks) and the scalar shifts and vmad are not executed.
#pragma once

#include "numeric.h"

namespace vgpu {

// Op::kind is the operation, Op::n has the types: 1 signed result, 2 signed a, 4 signed b, 8 .add.
enum : uint8_t { kVideoAdd, kVideoSub, kVideoAverage, kVideoDifference, kVideoMin, kVideoMax };
enum : uint8_t { kVideoSignedD = 1, kVideoSignedA = 2, kVideoSignedB = 4, kVideoSum = 8 };

inline s64 video_lane(u32 x, u32 at, u32 bits, bool is_signed) {
  const s64 part = s64(u64(x) >> at & low_ones<u64>(bits));
  return is_signed && part >> (bits - 1) ? part - (s64(1) << bits) : part;
}
inline s64 video_combined(s64 a, s64 b, uint8_t what) {
  switch (what) {
    case kVideoAdd: return a + b;
    case kVideoSub: return a - b;
    case kVideoAverage: return a + b >= 0 ? (a + b + 1) >> 1 : (a + b) >> 1;
    case kVideoDifference: return a < b ? b - a : a - b;
    case kVideoMin: return a < b ? a : b;
    default: return a > b ? a : b;
  }
}
inline s64 video_clamped(s64 x, u32 bits, bool is_signed) {
  const s64 low = is_signed ? -(s64(1) << (bits - 1)) : 0, high = low + (s64(1) << bits) - 1;
  return x < low ? low : x > high ? high : x;
}

// One lane's result, as the 64-bit integer that .add sums.
inline s64 video_result(u32 a, u32 b, u32 at, u32 bits, const Op *op) {
  const s64 x = video_lane(a, at, bits, op->n & kVideoSignedA), y = video_lane(b, at, bits, op->n & kVideoSignedB);
  const s64 z = video_combined(x, y, op->kind);
  const bool is_signed = op->n & kVideoSignedD;
  return (op->flags & kSat) ? video_clamped(z, bits, is_signed) : video_lane(u32(z), 0, bits, is_signed);
}

template <u32 bits>
inline u32 video_simd(u32 a, u32 b, u32 c, const Op *op) {
  u32 sum = c, packed = 0;
  for (u32 at = 0; at < 32; at += bits) {
    const s64 lane = video_result(a, b, at, bits, op);
    sum += u32(lane);
    packed |= u32(u64(lane) & low_ones<u64>(bits)) << at;
  }
  return op->n & kVideoSum ? sum : packed;
}

// vset2, vset4: Op::kind is the comparison (numbered as Compare); a lane is 1 where it holds.
inline bool video_holds(s64 x, s64 y, uint8_t how) {
  switch (Compare(how)) {
    case Compare::eq: return x == y;
    case Compare::ne: return x != y;
    case Compare::lt: return x < y;
    case Compare::le: return x <= y;
    case Compare::gt: return x > y;
    default: return x >= y;
  }
}
template <u32 bits>
inline u32 video_set(u32 a, u32 b, u32 c, const Op *op) {
  u32 sum = c, packed = 0;
  for (u32 at = 0; at < 32; at += bits) {
    const bool holds = video_holds(video_lane(a, at, bits, op->n & kVideoSignedA),
                                   video_lane(b, at, bits, op->n & kVideoSignedB), op->kind);
    sum += holds;
    packed |= u32(holds) << at;
  }
  return op->n & kVideoSum ? sum : packed;
}

}  // namespace vgpu
