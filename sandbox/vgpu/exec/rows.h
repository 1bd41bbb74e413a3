// The addresses of a full warp that lie on two rows of 16 lanes: lane i of a row is at its start plus i times a step
// that both rows share. That covers lanes that follow each other, lanes that agree, the rows of a two-dimensional tile
// and broadcasts to half warps: almost every request of a well-written kernel. What a request costs and whether it is
// inside its allocation then follows from three numbers, without the 32 addresses.
//
// Every answer is the one that exec/access.h and observe/coalesce.h give for the same 32 addresses. What is not two
// rows, and every fault, is theirs.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "access.h"

namespace vgpu {

constexpr u32 kRow = kWarpSize / 2;

struct Rows {
  u64 first, second;        // address of lane 0 and of lane 16
  u64 step;                 // as two's complement
  u64 end_of(u64 start) const { return start + (kRow - 1) * step; }
  bool is_one_row() const { return second - first == kRow * step; }
  bool is_same_row() const { return second == first; }
};

// True where no bit of the 32 bytes is set.
template <class Vector>
inline bool is_zero(const Vector &x) {
  static_assert(sizeof(Vector) == 32, "one AVX register");
#if defined(__AVX2__)
  return _mm256_testz_si256(__m256i(x), __m256i(x));
#else
  u64 part[4];
  std::memcpy(part, &x, sizeof part);
  return (part[0] | part[1] | part[2] | part[3]) == 0;
#endif
}

typedef u32 Eight __attribute__((vector_size(32)));
typedef u64 Four __attribute__((vector_size(32)));

// {0, step, 2 step, ...}: sums of masked broadcasts, because few processors multiply 64-bit lanes.
inline void make_ramp(u32 step, Eight &ramp) {
  constexpr u32 x = 0xffffffff;
  const Eight one = Eight{} + step;
  ramp = (one & Eight{0, x, 0, x, 0, x, 0, x}) + ((one + one) & Eight{0, 0, x, x, 0, 0, x, x}) +
         ((one << 2) & Eight{0, 0, 0, 0, x, x, x, x});
}
inline void make_ramp(u64 step, Four &ramp) {
  constexpr u64 x = ~u64(0);
  const Four one = Four{} + step;
  ramp = (one & Four{0, x, 0, x}) + ((one + one) & Four{0, 0, x, x});
}
template <class Number>
struct RampOf { using Vector = Four; };
template <>
struct RampOf<u32> { using Vector = Eight; };

// Reads the numbers once; false where they are not two rows.
template <class Number>
inline bool find_rows(const Number *number, Rows &rows) {
  const Number first = number[0], second = number[kRow], step = number[1] - first;
  constexpr u32 kWidth = 32 / sizeof(Number);
  const Number advance = step * kWidth;
  typename RampOf<Number>::Vector ramp, here, there, different{};
  make_ramp(step, ramp);
  auto expected = ramp + first, expected_second = ramp + second;
  for (u32 i = 0; i < kRow; i += kWidth) {
    std::memcpy(&here, number + i, 32);
    std::memcpy(&there, number + kRow + i, 32);
    different |= (here ^ expected) | (there ^ expected_second);
    expected += advance;
    expected_second += advance;
  }
  rows = {first, second, u64(s64(std::make_signed_t<Number>(step)))};
  return is_zero(different);
}

// The address operands of an operation as rows.
inline bool find_operand_rows(const Warp &w, const Op *op, Rows &rows) {
  const u64 offset = u64(op->offset);
  if (op->flags & kAddress32) {
    if (!find_rows(lanes_at<u32>(w, op->a), rows)) return false;
    rows.first = u32(rows.first + offset);
    rows.second = u32(rows.second + offset);
    return true;
  }
  if (!find_rows(lanes_at<u64>(w, op->a), rows)) return false;
  rows.first += offset;
  rows.second += offset;
  return true;
}

// Every access of every lane is aligned and lies in [low, low + size). A step of less than 2^32 cannot wrap between two
// ends that are inside.
inline bool all_inside(const Rows &rows, u32 bytes, u64 low, u64 size) {
  const u64 limit = size - bytes;
  const u64 outside = (rows.first - low > limit) | (rows.end_of(rows.first) - low > limit) |
                      (rows.second - low > limit) | (rows.end_of(rows.second) - low > limit);
  const u64 far = (rows.step + (u64(1) << 32)) >> 33;
  return size >= bytes && !(outside | far | ((rows.first | rows.second | rows.step) & (bytes - 1)));
}

inline void fill_addresses(const Rows &rows, Lanes64 &address) {
  Four ramp;
  make_ramp(rows.step, ramp);
  auto here = ramp + rows.first, there = ramp + rows.second;
  for (u32 i = 0; i < kRow; i += 4) {
    std::memcpy(address.at + i, &here, 32);
    std::memcpy(address.at + kRow + i, &there, 32);
    here += 4 * rows.step;
    there += 4 * rows.step;
  }
}

// Sectors of a row without gaps: the first and the last.
struct Sectors {
  u64 first, last;
  u32 count() const { return u32(last - first + 1); }
};
inline Sectors sectors_of_row(const Rows &rows, u64 start, u32 bytes) {
  const u64 end = rows.end_of(start);
  return {std::min(start, end) >> kSectorShift, (std::max(start, end) + bytes - 1) >> kSectorShift};
}

// As count_sectors, for accesses of `bytes` aligned bytes.
inline u32 count_row_sectors(const Rows &rows, u32 bytes) {
  const u64 size = s64(rows.step) < 0 ? 0 - rows.step : rows.step;
  if (size <= 32) {
    const Sectors a = sectors_of_row(rows, rows.first, bytes), b = sectors_of_row(rows, rows.second, bytes);
    const u64 low = std::max(a.first, b.first), high = std::min(a.last, b.last);
    return a.count() + b.count() - (high >= low ? u32(high - low + 1) : 0);
  }
  if (rows.is_one_row()) return kWarpSize;
  if (rows.is_same_row()) return kRow;
  Lanes64 address;
  fill_addresses(rows, address);
  return count_sectors(address.at, kAllLanes, bytes);
}

// As count_wavefronts, for accesses of `bytes` aligned bytes.
inline u32 count_row_wavefronts(const Rows &rows, u32 bytes) {
  const u32 step = u32(rows.step);
  if (bytes == 4) {
    if (rows.is_one_row()) return detail::count_strided_conflicts(step / 4, kWarpSize, kWarpSize);
    if (rows.is_same_row()) return detail::count_strided_conflicts(step / 4, kRow, kWarpSize);
    const u32 apart = u32(rows.second - rows.first) / 4;
    if (step == 0) return apart % kWarpSize == 0 ? 2 : 1;
  }
  if (bytes == 8) return 2 * detail::count_strided_conflicts(step / 8, 16, 16);
  if (bytes == 16) return 4 * detail::count_strided_conflicts(step / 16, 8, 8);
  u32 address[kWarpSize];
  for (u32 i = 0; i < kRow; ++i) {
    address[i] = u32(rows.first) + i * step;
    address[kRow + i] = u32(rows.second) + i * step;
  }
  return count_wavefronts(address, kAllLanes, bytes);
}

// As count_paired_wavefronts: lanes of a row that agree are pairs, others are none.
inline u32 count_paired_row_wavefronts(const Rows &rows, u32 bytes) {
  if (rows.step != 0 || bytes < 8) return count_row_wavefronts(rows, bytes);
  if (bytes == 16) return 2;
  return rows.is_same_row() || (rows.second - rows.first) / 8 % 16 ? 1 : 2;
}

}  // namespace vgpu
