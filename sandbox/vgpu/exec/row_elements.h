// Moves the elements of a full warp's request between a frame and host memory, where the addresses are two rows
// (exec/rows.h). Lanes write in their order: where two write one place, the later one stays.
#pragma once

#include "rows.h"

namespace vgpu {

// Elements of kernel memory have no alignment that the compiler may count on beyond their own.
template <class T>
inline T element_at(const char *from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
inline void fill_row(char *slot, u32 first_lane, T value) {
  for (u32 i = 0; i < kRow; ++i) Slot<T>::put(slot, first_lane + i, value);
}

#if defined(__AVX2__)
// 16 elements of 4 bytes, `step` apart, into 16 lanes.
inline void gather_row(const char *from, s32 step, char *to) {
  Eight ramp;
  make_ramp(u32(step), ramp);
  const auto *base = reinterpret_cast<const int *>(from);
  const __m256i low = _mm256_i32gather_epi32(base, __m256i(ramp), 1);
  const __m256i high = _mm256_i32gather_epi32(base, __m256i(ramp + u32(8 * step)), 1);
  std::memcpy(to, &low, sizeof low);
  std::memcpy(to + sizeof low, &high, sizeof high);
}
#endif

// One row of elements that lie anywhere.
template <class T>
inline void read_row(char *slot, u32 lane, const char *from, u64 step) {
#if defined(__AVX2__)
  if (sizeof(T) == 4 && step + (1 << 26) < (1 << 27)) return gather_row(from, s32(step), slot + lane * 4);
#endif
  for (u32 i = 0; i < kRow; ++i) Slot<T>::put(slot, lane + i, element_at<T>(from + i * step));
}

template <class T>
inline void read_rows(char *slot, const char *base, const Rows &rows) {
  using Stored = typename Slot<T>::Stored;
  constexpr u64 kHalf = kRow * sizeof(Stored);
  const char *first = base + rows.first, *second = base + rows.second;
  if (rows.step == sizeof(T)) {
    for (u32 i = 0; i < kRow; ++i) Slot<T>::put(slot, i, element_at<T>(first + i * sizeof(T)));
    for (u32 i = 0; i < kRow; ++i) Slot<T>::put(slot, kRow + i, element_at<T>(second + i * sizeof(T)));
  } else if (rows.step == 0) {
    fill_row<T>(slot, 0, element_at<T>(first));
    fill_row<T>(slot, kRow, element_at<T>(second));
  } else if (rows.is_same_row()) {
    read_row<T>(slot, 0, first, rows.step);
    std::memcpy(slot + kHalf, slot, kHalf);
  } else {
    read_row<T>(slot, 0, first, rows.step);
    read_row<T>(slot, kRow, second, rows.step);
  }
}

template <class T>
inline void write_rows(const char *slot, char *base, const Rows &rows) {
  char *first = base + rows.first, *second = base + rows.second;
  const auto put = [&](char *to, u32 lane) {
    const T value = Slot<T>::get(slot, lane);
    std::memcpy(to, &value, sizeof value);
  };
  if (rows.step == sizeof(T)) {
#pragma GCC ivdep
    for (u32 i = 0; i < kRow; ++i) put(first + i * sizeof(T), i);
#pragma GCC ivdep
    for (u32 i = 0; i < kRow; ++i) put(second + i * sizeof(T), kRow + i);
    return;
  }
  for (u32 i = 0; i < kRow; ++i) put(first + i * rows.step, i);
  for (u32 i = 0; i < kRow; ++i) put(second + i * rows.step, kRow + i);
}

// Vectors of n elements of 4 or 8 bytes that follow each other: the lanes' vectors are taken apart, or put together.
template <class T, u32 n>
inline void read_vectors(const Warp &w, const u32 *slots, const char *from, u32 lane) {
  T *to[n];
  for (u32 part = 0; part < n; ++part) to[part] = lanes_at<T>(w, slots[part]) + lane;
  const T *elements = reinterpret_cast<const T *>(from);
#pragma GCC ivdep
  for (u32 i = 0; i < kRow; ++i) {
    for (u32 part = 0; part < n; ++part) to[part][i] = elements[i * n + part];
  }
}
template <class T, u32 n>
inline void write_vectors(const Warp &w, const u32 *slots, char *to, u32 lane) {
  const T *from[n];
  for (u32 part = 0; part < n; ++part) from[part] = lanes_at<T>(w, slots[part]) + lane;
  T *elements = reinterpret_cast<T *>(to);
#pragma GCC ivdep
  for (u32 i = 0; i < kRow; ++i) {
    for (u32 part = 0; part < n; ++part) elements[i * n + part] = from[part][i];
  }
}

template <class T, u32 n>
inline void read_vector_rows(const Warp &w, const u32 *slots, const char *base, const Rows &rows) {
  read_vectors<T, n>(w, slots, base + rows.first, 0);
  read_vectors<T, n>(w, slots, base + rows.second, kRow);
}
template <class T, u32 n>
inline void write_vector_rows(const Warp &w, const u32 *slots, char *base, const Rows &rows) {
  write_vectors<T, n>(w, slots, base + rows.first, 0);
  write_vectors<T, n>(w, slots, base + rows.second, kRow);
}

}  // namespace vgpu
