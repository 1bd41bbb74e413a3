// Tracking of a full warp's request whose addresses are two rows (exec/rows.h): a row without gaps is one stretch of
// the map of initialised bytes, which is looked at and written a word at a time. What is not known altogether goes lane
// by lane, as exec/tracking.h does it.
#pragma once

#include "rows.h"

namespace vgpu {

constexpr u64 kLongestStretch = 1024;      // bytes of memory; beyond, single lanes are fewer bits than the gaps

// All bits [from, to) of the map.
inline bool all_bits(const uint8_t *map, u64 from, u64 to) {
  const u64 first = from >> 3, last = (to - 1) >> 3;
  const uint8_t head = uint8_t(0xff << (from & 7)), tail = uint8_t(0xff >> (7 - ((to - 1) & 7)));
  if (first == last) return (map[first] & head & tail) == (head & tail);
  uint8_t inside = 0xff;
  for (u64 i = first + 1; i < last; ++i) inside &= map[i];
  return (map[first] & head) == head && inside == 0xff && (map[last] & tail) == tail;
}
inline void set_bits(uint8_t *map, u64 from, u64 to) {
  const u64 first = from >> 3, last = (to - 1) >> 3;
  const uint8_t head = uint8_t(0xff << (from & 7)), tail = uint8_t(0xff >> (7 - ((to - 1) & 7)));
  if (first == last) {
    map[first] |= head & tail;
    return;
  }
  map[first] |= head;
  std::memset(map + first + 1, 0xff, last - first - 1);
  map[last] |= tail;
}

inline bool is_known_row(const uint8_t *map, const Rows &rows, u64 start, u32 bytes) {
  const u64 end = rows.end_of(start), low = std::min(start, end), high = std::max(start, end) + bytes;
  return high - low <= kLongestStretch && all_bits(map, low, high);
}

template <Space S>
inline uint8_t *row_map(const Warp &w) {
  return S == Space::shared ? w.run->known_shared : S == Space::constant ? nullptr : w.run->known_global;
}

template <Space S>
inline void track_load(Warp &w, const Op *op, const Rows &rows, u32 bytes) {
  const uint8_t *map = row_map<S>(w);
  const bool known = !map || (is_known_row(map, rows, rows.first, bytes) &&
                              (rows.is_same_row() || is_known_row(map, rows, rows.second, bytes)));
  if (known) {
    for (u32 part = 0; part < op->n; ++part) known_lanes(w, op->v[part]) = kAllLanes;
    return;
  }
  Lanes64 address;
  fill_addresses(rows, address);
  WatchTracking::loaded(w, op, S == Space::shared ? S : Space::global,
                        {address.at, kAllLanes, bytes, Pattern::scattered});
}

template <Space S>
inline void track_store(Warp &w, const Op *op, const Rows &rows, u32 bytes) {
  u32 known = kAllLanes;
  for (u32 part = 0; part < op->n; ++part) known &= known_lanes(w, op->v[part]);
  uint8_t *map = row_map<S>(w);
  if (known == kAllLanes && rows.step == bytes) {
    set_bits(map, rows.first, rows.end_of(rows.first) + bytes);
    set_bits(map, rows.second, rows.end_of(rows.second) + bytes);
    return;
  }
  Lanes64 address;
  fill_addresses(rows, address);
  WatchTracking::stored(w, op, S == Space::shared ? S : Space::global,
                        {address.at, kAllLanes, bytes, Pattern::scattered});
}

}  // namespace vgpu
