// Carrying out what is pending: the bytes move, what is known of them moves with them, and barriers are told.
#pragma once

#include "access.h"
#include "arrival.h"
#include "mbarrier.h"
#include "race_view.h"

namespace vgpu {

template <u32 bytes>
inline void move_lanes(const Run &run, const PendingCopy &copy, u32 lanes) {
  for (; lanes; lanes &= lanes - 1) {
    const u32 i = first_lane(lanes);
    std::memcpy(run.shared + copy.target[i], run.bias + copy.source[i], bytes);
  }
}

inline void move_partial_lanes(const Run &run, const PendingCopy &copy, u32 lanes) {
  for (; lanes; lanes &= lanes - 1) {
    const u32 i = first_lane(lanes), read = copy.read[i];
    char *to = run.shared + copy.target[i];
    if (read) std::memcpy(to, run.bias + copy.source[i], read);
    std::memset(to + read, 0, copy.bytes - read);
  }
}

// Carries out the copies of `lanes`.
template <class W>
inline void land(Warp &w, PendingCopy &copy, u32 lanes) {
  const u32 whole = lanes & ~copy.partial;
  if (copy.bytes == 16) move_lanes<16>(*w.run, copy, whole);
  else if (copy.bytes == 8) move_lanes<8>(*w.run, copy, whole);
  else move_lanes<4>(*w.run, copy, whole);
  move_partial_lanes(*w.run, copy, lanes & copy.partial);
  copy.mask &= ~lanes;
  if constexpr (W::kind == Watch::races) W::landed(w, copy.target, copy.source, lanes, copy.bytes);
  if constexpr (W::kind == Watch::tracking) {
    for (; lanes; lanes &= lanes - 1) {
      const u32 i = first_lane(lanes);
      const u32 read = in_mask(copy.partial, i) ? copy.read[i] : copy.bytes;
      W::copied_lane(w, copy.target[i], copy.source[i], read, copy.bytes);
    }
  }
}

// Carries out the warp's copies before `end` that `due` selects (a mask of lanes for each); returns the cycle at which
// the last one is there.
template <class W, class Due>
inline u64 land_due(Warp &w, PendingCopies &copies, u64 end, Due due) {
  u64 arrival = 0;
  for (u64 i = copies.first(); i != end; ++i) {
    PendingCopy &copy = copies.at(i);
    const u32 lanes = copy.mask & due(copy);
    if (!lanes) continue;
    land<W>(w, copy, lanes);
    if (copy.arrival > arrival) arrival = copy.arrival;
  }
  copies.trim();
  return arrival;
}

// --- bulk copies -----------------------------------------------------------------------------------------------------

template <class W>
inline void know_bulk(Warp &w, const Bulk &bulk) {
  if constexpr (W::kind == Watch::tracking) {
    const bool from_global = bulk.kind == BulkKind::global_to_shared;
    const bool to_global = bulk.kind == BulkKind::shared_to_global || bulk.kind == BulkKind::reduce;
    const uint8_t *from = from_global ? w.run->known_global : w.run->known_shared;
    uint8_t *to = to_global ? w.run->known_global : w.run->known_shared;
    const Space from_space = from_global ? Space::global : Space::shared;
    const Space to_space = to_global ? Space::global : Space::shared;
    for (u32 i = 0; i < bulk.bytes; ++i) {
      if (bulk.kind == BulkKind::reduce && !all_known(to, bulk.target + i, 1)) continue;
      move_knowledge(w, to_space, to, bulk.target + i, from_space, from, bulk.source + i);
    }
  }
}

// Defined in bulk.cpp: target = target op source, element by element.
void reduce_bulk(char *target, const char *source, const Bulk &);

template <class W>
inline void land_bulk(Warp &w, const Bulk &bulk) {
  const Run &run = *w.run;
  const bool to_shared = bulk.kind == BulkKind::global_to_shared || bulk.kind == BulkKind::shared_to_shared;
  const char *from = (bulk.kind == BulkKind::global_to_shared ? run.bias : run.shared) + bulk.source;
  char *to = (to_shared ? run.shared : run.bias) + bulk.target;
  if (bulk.kind == BulkKind::reduce) reduce_bulk(to, from, bulk);
  else std::memmove(to, from, bulk.bytes);
  know_bulk<W>(w, bulk);
  if constexpr (W::kind == Watch::races) W::bulk_landed(w, bulk);
}

// --- barriers --------------------------------------------------------------------------------------------------------

// The object at a shared address that was checked before. False: there is none.
inline bool read_mbarrier(const Run &run, u32 address, u64 &word) {
  std::memcpy(&word, run.shared + address, 8);
  return is_mbarrier(word);
}

// Stores the barrier after something arrived at `cycle`; ends its phase where nothing is pending.
template <class W>
inline void store_mbarrier(const Warp &w, u32 address, Mbarrier &barrier, u64 cycle) {
  const bool ended = end_phase(barrier);
  const u64 word = pack_mbarrier(barrier);
  std::memcpy(w.run->shared + address, &word, 8);
  note_arrival<W>(w, address, cycle, ended);
  if constexpr (W::kind == Watch::races) {
    if (ended) W::at_mbarrier(w, address, RaceEvent::phase_ended, w.id);
  }
}

template <class W>
inline const char *send(Warp &w, const Signal &signal) {
  u64 word, cycle = signal.arrival;
  if (!read_mbarrier(*w.run, signal.barrier, word)) return kNotInitialised;
  Mbarrier barrier = unpack_mbarrier(word);
  const char *problem;
  if (signal.is_bulk) {
    land_bulk<W>(w, signal.bulk);
    problem = add_transactions(barrier, -s64(signal.bulk.bytes));
  } else {
    PendingCopies &copies = w.async->warps[signal.warp];
    const u64 landed = land_due<W>(w, copies, signal.sequence, [&](const PendingCopy &) { return signal.lanes; });
    cycle = landed > cycle ? landed : cycle;
    problem = arrive(barrier, count_lanes(signal.lanes));
  }
  if constexpr (W::kind == Watch::races) W::at_mbarrier(w, signal.barrier, RaceEvent::landed, signal.warp);
  if (!problem) store_mbarrier<W>(w, signal.barrier, barrier, cycle);
  return problem;
}

// Somebody looks at the barrier: everything that signals it is carried out. Text: the fault that this showed.
template <class W>
inline const char *settle(Warp &w, u32 barrier) {
  AsyncState &state = *w.async;
  const char *problem = nullptr;
  size_t kept = 0;
  for (size_t i = 0; i < state.signals.size(); ++i) {
    const bool mine = state.signals[i].barrier == barrier;
    if (mine && !problem) problem = send<W>(w, state.signals[i]);
    if (!mine) state.signals[kept++] = state.signals[i];
  }
  state.signals.resize(kept);
  return problem;
}

// Adds a signal; makes room by what the oldest one waits for.
template <class W>
inline const char *add_signal(Warp &w, const Signal &signal) {
  AsyncState &state = *w.async;
  state.used = true;
  const char *problem = nullptr;
  if (state.signals.size() == AsyncState::kMostSignals) problem = settle<W>(w, state.signals.front().barrier);
  state.signals.push_back(signal);
  return problem;
}

}  // namespace vgpu
