// The quick check of granules whose cells say that the running warp knows of them, or that they are its own thread's
// (exec/race_rows.h).
#pragma once

#include "lanes.h"
#include "race_view.h"

namespace vgpu {

// The code of a line in which each lane has `bytes` (2 to 16), and line number `number` of the warp's request.
inline u32 line_code(u32 bytes, u32 number) { return bytes / 2 - 1 + number + (bytes >= 8 ? 1 : 0); }

// Whether the running warp knows of a cell whoever it is of.
template <Space S>
struct RaceBounds {
  static constexpr bool kIsShared = S == Space::shared;
  u64 first, own, gathered;
  u64 warp;                                    // bits of a cell
  RaceCell old_end, begin, known;              // cells below `old_end`, and `known` many from `begin` on, are known
  bool knows_more;                             // the warp may know of others, too: races/ has to say

  RaceBounds(const RaceView &view, const RaceWarp &w, u32 id)
      : first(view.block_first), own(w.own), gathered(std::max(w.own, w.gathered)),
        warp(u64(id) << 7), old_end(after(kIsShared ? w.base : view.launch_base)), begin(first << 32),
        known(w.base >= first ? after(w.base) - begin : 0),
        knows_more(w.knows_more || (!kIsShared && view.block_first == kInFlight)) {}
  static RaceCell after(u64 epoch) { return (epoch + 1) << 32; }
  bool knows(RaceCell cell) const {
    if (kIsShared) return cell < old_end;
    return (cell < old_end) | (cell - begin < known);
  }
  // Of what the warp did itself before its lanes last met, at `met`.
  bool knows_own(RaceCell cell, u64 met) const {
    const u32 epoch = epoch_of(cell);
    return ((cell ^ warp) & (31 << 7)) == 0 && epoch <= met && (kIsShared || epoch >= first);
  }
  // A thread's own cell that it does not know of otherwise is of this block.
  bool is_same(RaceCell cell, RaceCell me) const {
    const u32 epoch = epoch_of(cell);
    return ((cell ^ me) & kRaceThread) == 0 && epoch != kInFlight && (kIsShared || epoch >= first);
  }
  bool agrees(RaceCell cell, RaceCell me) const { return knows(cell) || is_same(cell, me) || knows_own(cell, own); }
  // Of a reader, before a store.
  bool agrees_reader(RaceCell cell, RaceCell me) const {
    return knows(cell) || is_same(cell, me) || knows_own(cell, gathered);
  }
};

// Whether a load may have to note itself in place of a reader: of another epoch, or of another operation, which may be
// a strong one.
template <class Bounds>
inline bool renews(const Bounds &bounds, RaceCell reader, RaceCell me) {
  return bounds.knows(reader) | ((((reader ^ me) & kRaceWarp) == 0) & ((reader ^ me) >> kRaceOpShift != 0));
}

// Notes a reader as Racer::note_reader does; false: that has to.
template <class Bounds>
inline bool note_reader(const Bounds &bounds, RaceCell &read, RaceCell &more, RaceCell me) {
  const bool agrees = bounds.agrees(read, me), keep = (read & kRaceMore) && !bounds.agrees(more, me);
  if ((keep || !agrees) && (bounds.knows_more || epoch_of(read) == kInFlight)) return false;
  if (agrees) {
    read = me | (keep ? more_flags(me, more) : 0);
  } else if (!keep || (warp_of(read) == warp_of(more) && warp_of(read) != warp_of(me))) {
    more = me;
    read = (read & ~RaceCell(3)) | more_flags(read, more);
  }
  return true;
}

// The granule at `at` on behalf of the thread of `me`.
template <class Bounds>
inline bool load_granule(const Bounds &bounds, const RaceCells &cells, u64 at, RaceCell me) {
  const RaceCell write = cells.write[at];
  if (!bounds.agrees(write, me) || (write & kRaceMore)) return false;
  return note_reader(bounds, cells.read[at], cells.more[at], me);
}

template <class Bounds>
inline bool may_store(const Bounds &bounds, const RaceCells &cells, u64 at, RaceCell me) {
  const RaceCell write = cells.write[at], read = cells.read[at];
  if (!bounds.agrees(write, me) || (write & kRaceMore) || !bounds.agrees_reader(read, me)) return false;
  return !(read & kRaceMore) || bounds.agrees_reader(cells.more[at], me);
}

template <class Bounds>
inline bool store_granule(const Bounds &bounds, const RaceCells &cells, u64 at, RaceCell me) {
  const RaceCell write = cells.write[at], read = cells.read[at];
  const bool simple = bounds.knows(write) && bounds.knows(read) && !((write | read) & kRaceMore);
  if (!simple && !may_store(bounds, cells, at, me)) return false;
  cells.write[at] = me;
  return true;
}

// Granule i of `count` is at place(i) and belongs to the thread of owner(i). What the loops read is passed by value,
// because a cell that is written could be a part of it otherwise. Where a reader is known, so is the one beside it,
// unless the warp knows more.
template <class Bounds, class Place, class Owner>
inline bool load_granules(const Bounds bounds, const RaceCells cells, u32 count, Place place, Owner owner) {
  u64 strange = 0, live = 0, full = bounds.knows_more ? 0 : kRaceFull;
  const u64 beside = bounds.knows_more ? kRaceMore : 0;
  for (u32 i = 0; i < count; ++i) {
    const RaceCell write = cells.write[place(i)], read = cells.read[place(i)];
    strange |= u64(!bounds.knows(write)) | (write & kRaceMore);
    live |= u64(!bounds.knows(read)) | (read & beside);
    full &= read & u64(!renews(bounds, read, owner(i))) << 1;
  }
  if (!strange && !live) {
    for (u32 i = 0; i < count; ++i) cells.read[place(i)] = owner(i);
    return true;
  }
  if (!strange && full) {
    u64 renewed = 0;
    for (u32 i = 0; i < count; ++i) renewed |= u64(renews(bounds, cells.more[place(i)], owner(i)));
    if (!renewed) return true;
  }
  for (u32 i = 0; i < count; ++i) {
    if (!load_granule(bounds, cells, place(i), owner(i))) return false;
  }
  return true;
}

template <class Bounds, class Place, class Owner>
inline bool store_granules(const Bounds bounds, const RaceCells cells, u32 count, bool was_read, Place place,
                           Owner owner) {
  u64 strange = 0;
  for (u32 i = 0; i < count; ++i) {
    const RaceCell write = cells.write[place(i)];
    strange |= u64(!bounds.knows(write)) | (write & kRaceMore);
  }
  for (u32 i = 0; was_read && i < count; ++i) {
    const RaceCell read = cells.read[place(i)];
    strange |= u64(!bounds.knows(read)) | (read & kRaceMore);
  }
  for (u32 i = 0; strange && i < count; ++i) {
    if (!may_store(bounds, cells, place(i), owner(i))) return false;
  }
  for (u32 i = 0; i < count; ++i) cells.write[place(i)] = owner(i);
  return true;
}

}  // namespace vgpu
