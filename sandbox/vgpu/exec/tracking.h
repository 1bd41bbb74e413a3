// Tracks which registers and which bytes of memory hold a value that the program or the host wrote. An uninitialised
// value that becomes an address, or decides a branch or the predicate of a memory operation, is a fault; stored in
// global memory it is a remark; elsewhere it only spreads.
//
// Of a register a mask says in which lanes all of it is known. Nearly always it is everywhere, and that is all there is
// to look at. For other lanes there are shadows of the frame: which bits are unknown, as in Memcheck (Seward and
// Nethercote, "Using Valgrind to detect undefined value errors with bit-precision", 2005), and where the value came
// from. Memory is known by bytes; bits and origins of words that were written with unknown ones are kept aside
// (memory/unknown_words.h).
#pragma once

#include "form_types.h"
#include "observers.h"

namespace vgpu {

// Lanes whose value is known. Predicates come first in a frame; a slot is 128 bytes.
inline u32 &known_lanes(const Warp &w, u32 offset) { return w.known[(w.frame - w.frames + offset) / 4]; }

// Unknown bits of one lane of a slot, and where they came from. No bits: the value is known.
struct Unknown {
  u64 bits = 0, origin = 0;
  // Those of another value, from bit `at` on.
  void add(const Unknown &other, u32 at) {
    if (!bits) origin = other.origin;
    bits |= other.bits << at;
  }
};

template <class T>
inline Unknown unknown_of(const Warp &w, u32 slot, u32 lane) {
  if (in_mask(known_lanes(w, slot), lane)) return {};
  const u64 at = u64(w.frame - w.frames) + slot;
  T bits;
  std::memcpy(&bits, w.unknown + at + lane * sizeof(T), sizeof bits);
  return {bits, w.origins[at / 4 + lane]};
}

template <class T>
inline void learn_lane(const Warp &w, u32 slot, u32 lane, const Unknown &value) {
  u32 &cell = known_lanes(w, slot);
  const T bits = T(value.bits);
  cell = (cell & ~(1u << lane)) | u32(bits == 0) << lane;
  if (!bits) return;
  const u64 at = u64(w.frame - w.frames) + slot;
  std::memcpy(w.unknown + at + lane * sizeof(T), &bits, sizeof bits);
  w.origins[at / 4 + lane] = value.origin;
}
inline void learn_lane(const Warp &w, u32 slot, u32 bytes, u32 lane, const Unknown &value) {
  if (bytes == 8) learn_lane<u64>(w, slot, lane, value);
  else learn_lane<u32>(w, slot, lane, value);
}

// A predicate has one origin for all lanes: that of the last unknown value that decided it.
inline u64 &origin_of_predicate(const Warp &w, u32 slot) { return w.origins[(w.frame - w.frames + slot) / 4]; }

// Of the active lanes those in `known` are known now, the others not at all.
inline void learn(const Warp &w, u32 slot, u32 bytes, u32 known, u64 origin = 0) {
  u32 &cell = known_lanes(w, slot);
  cell |= w.mask & known;
  for (u32 rest = w.mask & ~known; rest; rest &= rest - 1)
    learn_lane(w, slot, bytes, first_lane(rest), {~u64(0), origin});
}

// Where a value was loaded: the operation, the space and the address (in global memory from kGlobalBase). 0: nowhere.
constexpr u32 kOriginAddress = 40, kOriginSpace = 2;
inline u64 make_origin(const Warp &w, const Op *op, Space space, u64 address) {
  const u64 at = (space == Space::global ? address - kGlobalBase : address) & ((u64(1) << kOriginAddress) - 1);
  const u64 where = space == Space::global ? 1 : space == Space::shared ? 2 : 3;
  return u64(op - w.run->ops + 1) << (kOriginAddress + kOriginSpace) | where << kOriginAddress | at;
}

// --- memory ----------------------------------------------------------------------------------------------------------

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

// Of 1, 2, 4 or 8 aligned bytes that `op` loads. `at` is the place in the map, `address` the program's.
inline Unknown unknown_at(const Warp &w, const Op *op, Space space, const uint8_t *map, u64 at, u64 address,
                          u32 bytes) {
  if (!map || all_known(map, at, bytes)) return {};
  Unknown value;
  for (u32 i = 0; i < bytes; ++i) {
    if (!all_known(map, at + i, 1)) value.bits |= u64(0xff) << 8 * i;
  }
  value.origin = make_origin(w, op, space, address);
  w.run->recall_call(*w.run, space, at, bytes, value.bits, value.origin);
  return value;
}
// The same of bytes that are stored.
inline void set_unknown(const Warp &w, Space space, uint8_t *map, u64 at, u32 bytes, const Unknown &value) {
  const u64 all = bytes == 8 ? ~u64(0) : (u64(1) << 8 * bytes) - 1, bits = value.bits & all;
  if (!bits) return set_known(map, at, bytes, true);
  for (u32 i = 0; i < bytes; ++i) set_known(map, at + i, 1, !(bits >> 8 * i & 0xff));
  w.run->remember_call(*w.run, space, at, bytes, bits, value.origin);
}
// What is known of one byte moves with it.
inline void move_knowledge(const Warp &w, Space to_space, uint8_t *to, u64 target, Space from_space,
                           const uint8_t *from, u64 source) {
  if (all_known(from, source, 1)) return set_known(to, target, 1, true);
  Unknown value{0xff, 0};
  w.run->recall_call(*w.run, from_space, source, 1, value.bits, value.origin);
  set_unknown(w, to_space, to, target, 1, value);
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
    const u64 origin = narrow ? unknown_of<u32>(w, slot, lane).origin : unknown_of<u64>(w, slot, lane).origin;
    w.run->stop = {true, FaultKind::uninitialised_address, op, w.id, lane, space, base + u64(offset),
                   u32(op->n) * op->bytes, "", unknown, 0, origin};
    known_lanes(w, slot) |= unknown;         // it is reported once
    return false;
  }

  // After a load: each destination is known where its bytes are.
  static void loaded(Warp &w, const Op *op, Space space, const Request &r) {
    const u32 step = r.bytes / op->n;
    for (u32 part = 0; part < op->n; ++part) {
      for (u32 lanes = r.mask; lanes; lanes &= lanes - 1) {
        const u32 lane = first_lane(lanes);
        const u64 address = r.address[lane] + part * step;
        u64 at = address;
        const uint8_t *map = map_of(w, space, lane, at);
        Unknown value = unknown_at(w, op, space, map, at, address, step);
        if (step < 4 && extends_sign(op->form) && value.bits >> (8 * step - 1) & 1) value.bits |= ~u64(0) << 8 * step;
        learn_lane(w, op->v[part], step, lane, value);
      }
    }
  }

  // After an atomic: the old value is known where its bytes were; the new one where both were, lane after lane, or, of
  // one that `replaces` the old value, where it was given. `to`: the slot of the old value, or kNone.
  static void updated(Warp &w, const Op *op, Space space, const Request &r, u32 from, u32 to, bool replaces) {
    u32 unknown = 0;
    u64 first_origin = 0;
    for (u32 lanes = r.mask; lanes; lanes &= lanes - 1) {
      const u32 lane = first_lane(lanes);
      u64 at = r.address[lane];
      uint8_t *map = map_of(w, space, lane, at);
      const Unknown old = unknown_at(w, op, space, map, at, r.address[lane], r.bytes);
      const Unknown given = r.bytes == 8 ? unknown_of<u64>(w, from, lane) : unknown_of<u32>(w, from, lane);
      const bool spoilt = given.bits || (old.bits && !replaces);
      const u64 origin = given.bits ? given.origin : old.origin;
      if (map) set_unknown(w, space, map, at, r.bytes, {spoilt ? ~u64(0) : 0, origin});
      if (spoilt && !unknown) first_origin = origin;
      unknown |= u32(spoilt) << lane;
      if (to != kNone) learn_lane(w, to, r.bytes, lane, {old.bits ? ~u64(0) : 0, old.origin});
    }
    if (space == Space::global && unknown)
      report(w, op, unknown, r.address[first_lane(unknown)], r.bytes, first_origin);
  }

  // One lane's asynchronous copy of `bytes` from global to shared memory; the rest of `all` is zero.
  static void copied_lane(Warp &w, u64 target, u64 source, u32 bytes, u32 all) {
    for (u32 i = 0; i < all; ++i) {
      if (i >= bytes) set_known(w.run->known_shared, target + i, 1, true);
      else move_knowledge(w, Space::shared, w.run->known_shared, target + i, Space::global, w.run->known_global,
                          source + i);
    }
  }

  // One lane's bulk copy from shared to global memory is issued.
  static void sent(Warp &w, const Op *op, u32 lane, u64 source, u32 bytes, u64 target) {
    for (u32 i = 0; i < bytes; ++i) {
      if (all_known(w.run->known_shared, source + i, 1)) continue;
      Unknown value{0xff, make_origin(w, op, Space::shared, source + i)};
      w.run->recall_call(*w.run, Space::shared, source + i, 1, value.bits, value.origin);
      return report(w, op, 1u << lane, target + i, 1, value.origin);
    }
  }

  // After a store: bits are known where those of the value were.
  static void stored(Warp &w, const Op *op, Space space, const Request &r) {
    const u32 step = r.bytes / op->n;
    for (u32 part = 0; part < op->n; ++part) {
      u32 unknown = 0;
      for (u32 lanes = r.mask; lanes; lanes &= lanes - 1) {
        const u32 lane = first_lane(lanes), slot = op->v[part];
        const u64 used = step == 8 ? ~u64(0) : (u64(1) << 8 * step) - 1;
        u64 at = r.address[lane] + part * step;
        uint8_t *map = map_of(w, space, lane, at);
        Unknown value = step == 8 ? unknown_of<u64>(w, slot, lane) : unknown_of<u32>(w, slot, lane);
        value.bits &= used;
        if (map) set_unknown(w, space, map, at, step, value);
        unknown |= u32(value.bits != 0) << lane;
      }
      if (space == Space::global && unknown) remark(w, op, r, op->v[part], unknown);
    }
  }

  // A value that nobody wrote goes to global memory.
  static void report(Warp &w, const Op *op, u32 lanes, u64 address, u32 bytes, u64 origin) {
    Finding finding;
    finding.stop = {true, FaultKind::uninitialised_value, op, w.id, first_lane(lanes), Space::global, address, bytes,
                    "", lanes, 0, origin};
    finding.is_remark = true;
    finding.count = count_lanes(lanes);
    w.run->finding_call(*w.run, finding);
  }

 private:
  // The same, from `slot` of some lanes.
  static void remark(Warp &w, const Op *op, const Request &r, u32 slot, u32 lanes) {
    const u64 at = u64(w.frame - w.frames) + slot;
    report(w, op, lanes, r.address[first_lane(lanes)], r.bytes, w.origins[at / 4 + first_lane(lanes)]);
  }
};

}  // namespace vgpu
