// Tracks which registers and which bytes of memory hold a value that the program or the host wrote. An uninitialised
// value that becomes an address, or decides a branch or the predicate of a memory operation, stops the launch;
// elsewhere it only spreads. A register is known per lane; memory per byte.
#pragma once

#include "observers.h"

namespace vgpu {

// Lanes whose value is known. Predicates come first in a frame; a slot is 128 bytes.
inline u32 &known_lanes(const Warp &w, u32 offset) { return w.known[(w.frame - w.frames + offset) / 4]; }

// The bits of `bytes` (1, 2, 4 or 8) aligned bytes lie in one byte of the map; 16 are two bytes.
inline uint8_t known_bits(u64 address, u32 bytes) { return uint8_t(((1u << bytes) - 1) << (address & 7)); }
inline bool all_known(const uint8_t *map, u64 address, u32 bytes) {
  if (bytes > 8) return map[address >> 3] == 0xff && map[(address >> 3) + 1] == 0xff;
  const uint8_t bits = known_bits(address, bytes);
  return (map[address >> 3] & bits) == bits;
}
inline void set_known(uint8_t *map, u64 address, u32 bytes, bool known) {
  uint8_t &cell = map[address >> 3];
  const uint8_t bits = bytes > 8 ? 0xff : known_bits(address, bytes);
  cell = known ? cell | bits : cell & ~bits;
  if (bytes > 8) map[(address >> 3) + 1] = known ? 0xff : 0;
}

struct WatchTracking : WatchCounters {
  static constexpr Watch kind = Watch::tracking;

  static uint8_t *map_of(const Warp &w, Space space, u32 lane, u64 &address) {
    if (space == Space::shared) return w.run->known_shared;
    if (space == Space::global) return w.run->known_global;
    if (space == Space::local) address += u64(w.first_thread + lane) * w.run->local_stride;
    return space == Space::local ? w.run->known_local : nullptr;
  }

  // Slot `slot` plus `offset` is about to be an address.
  static bool known_address(Warp &w, const Op *op, Space space, u32 slot, s64 offset) {
    const u32 unknown = w.mask & ~known_lanes(w, slot);
    if (!unknown) return true;
    const u32 lane = first_lane(unknown);
    const bool narrow = slot == op->a && (op->flags & kAddress32);
    const u64 base = narrow ? lanes_at<u32>(w, slot)[lane] : lanes_at<u64>(w, slot)[lane];
    w.run->stop = {true, FaultKind::uninitialised_address, op, w.id, lane, space, base + u64(offset),
                   u32(op->n) * op->bytes, ""};
    return false;
  }

  // After a load: each destination is known where its bytes are.
  static void loaded(Warp &w, const Op *op, Space space, const Request &r) {
    const u32 step = r.bytes / op->n;
    for (u32 part = 0; part < op->n; ++part) {
      u32 known = 0;
      for (u32 lanes = r.mask; lanes; lanes &= lanes - 1) {
        const u32 lane = first_lane(lanes);
        u64 address = r.address[lane] + part * step;
        const uint8_t *map = map_of(w, space, lane, address);
        known |= u32(!map || all_known(map, address, step)) << lane;
      }
      u32 &cell = known_lanes(w, op->v[part]);
      cell = (cell & ~r.mask) | known;
    }
  }

  // After an atomic: the old value is known where its bytes were; the new one where both were, lane after lane, or, of
  // one that `replaces` the old value, where it was given.
  static void updated(Warp &w, const Op *op, Space space, const Request &r, bool returns, bool replaces) {
    const u32 value = known_lanes(w, op->b);
    u32 old = 0;
    for (u32 lanes = r.mask; lanes; lanes &= lanes - 1) {
      const u32 lane = first_lane(lanes);
      u64 address = r.address[lane];
      uint8_t *map = map_of(w, space, lane, address);
      const bool known = !map || all_known(map, address, r.bytes);
      old |= u32(known) << lane;
      if (map) set_known(map, address, r.bytes, (known || replaces) && in_mask(value, lane));
    }
    if (!returns) return;
    u32 &cell = known_lanes(w, op->d);
    cell = (cell & ~r.mask) | old;
  }

  // One lane's asynchronous copy of `bytes` from global to shared memory; the rest of `all` is zero.
  static void copied_lane(Warp &w, u64 target, u64 source, u32 bytes, u32 all) {
    for (u32 i = 0; i < all; ++i) {
      set_known(w.run->known_shared, target + i, 1, i >= bytes || all_known(w.run->known_global, source + i, 1));
    }
  }

  // After a store: bytes are known where the value was.
  static void stored(Warp &w, const Op *op, Space space, const Request &r) {
    const u32 step = r.bytes / op->n;
    for (u32 part = 0; part < op->n; ++part) {
      const u32 known = known_lanes(w, op->v[part]);
      for (u32 lanes = r.mask; lanes; lanes &= lanes - 1) {
        const u32 lane = first_lane(lanes);
        u64 address = r.address[lane] + part * step;
        uint8_t *map = map_of(w, space, lane, address);
        if (map) set_known(map, address, step, in_mask(known, lane));
      }
    }
  }
};

}  // namespace vgpu
