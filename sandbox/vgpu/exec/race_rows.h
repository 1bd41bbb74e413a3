// The race check of a full warp's request whose addresses are two rows (exec/rows.h), where every cell that it meets is
// known to the warp or is its own thread's. Everything else, and every report, is the work of races/.
#pragma once

#include "../isa/isa.h"
#include "race_view.h"
#include "rows.h"

namespace vgpu {

// The code of a line in which each lane has `bytes` (2 to 16), and line number `number` of the warp's request.
inline u32 line_code(u32 bytes, u32 number) { return bytes / 2 - 1 + number + (bytes >= 8 ? 1 : 0); }

// Whether the running warp knows of a cell whoever it is of.
template <Space S>
struct RaceBounds {
  u32 floor, first, base, own, gathered;
  u64 warp;                                    // bits of a cell

  RaceBounds(const RaceView &view, const RaceWarp &w, u32 id)
      : floor(view.launch_base), first(view.block_first), base(w.base), own(w.own),
        gathered(std::max(w.own, w.gathered)), warp(u64(id) << 7) {}
  bool knows(RaceCell cell) const {
    const u32 epoch = epoch_of(cell);
    if (S == Space::shared) return epoch <= base;
    return (epoch <= floor) | ((epoch >= first) & (epoch <= base));
  }
  // Of what the warp did itself before its lanes last met, at `met`.
  bool knows_own(RaceCell cell, u32 met) const {
    const u32 epoch = epoch_of(cell);
    return ((cell ^ warp) & (31 << 7)) == 0 && epoch <= met && (S == Space::shared || epoch >= first);
  }
  // A thread's own cell that it does not know of otherwise is of this block.
  bool is_same(RaceCell cell, RaceCell me) const {
    const u32 epoch = epoch_of(cell);
    return ((cell ^ me) & kRaceThread) == 0 && epoch != kInFlight && (S == Space::shared || epoch >= first);
  }
  bool agrees(RaceCell cell, RaceCell me) const { return knows(cell) || is_same(cell, me) || knows_own(cell, own); }
  // Of a reader, before a store.
  bool agrees_reader(RaceCell cell, RaceCell me) const {
    return knows(cell) || is_same(cell, me) || knows_own(cell, gathered);
  }
};

// Notes a reader beside one that is not known.
template <class Bounds>
inline void note_second_reader(const Bounds &bounds, RaceCell &read, RaceCell &more, RaceCell me) {
  const bool free = !(read & kRaceMore) || bounds.agrees(more, me);
  if (!free && (warp_of(read) != warp_of(more) || warp_of(me) == warp_of(read))) return;
  more = me;
  read |= kRaceMore;
}

// Granule i of `count` is lane (i >> step)'s, counted from that of `me`.
template <class Bounds>
inline bool load_granules(const Bounds &bounds, const RaceCells &cells, u64 at, u32 count, RaceCell me, u32 step) {
  RaceCell *write = cells.write + at, *read = cells.read + at, *more = cells.more + at;
  u32 unknown = 0;
  for (u32 i = 0; i < count; ++i)
    unknown |= u32(!bounds.knows(write[i])) | u32(!bounds.knows(read[i])) | u32(write[i] & kRaceMore);
  if (!unknown) {
    for (u32 i = 0; i < count; ++i) read[i] = me + ((i >> step) << 2);
    return true;
  }
  for (u32 i = 0; i < count; ++i) {
    const RaceCell own = me + ((i >> step) << 2);
    if (!bounds.agrees(write[i], own) || (write[i] & kRaceMore)) return false;
    if (bounds.knows(read[i])) read[i] = own;
    else if (bounds.is_same(read[i], own)) read[i] = own | (read[i] & kRaceMore);
    else if (bounds.knows_own(read[i], bounds.own)) read[i] = own;
    else if (epoch_of(read[i]) == kInFlight) return false;
    else note_second_reader(bounds, read[i], more[i], own);
  }
  return true;
}

template <class Bounds>
inline bool store_granules(const Bounds &bounds, const RaceCells &cells, u64 at, u32 count, RaceCell me, u32 step,
                           bool was_read) {
  RaceCell *write = cells.write + at, *read = cells.read + at, *more = cells.more + at;
  u32 unknown = 0;
  for (u32 i = 0; i < count; ++i) unknown |= u32(!bounds.knows(write[i])) | u32(write[i] & kRaceMore);
  for (u32 i = 0; was_read && i < count; ++i) unknown |= u32(!bounds.knows(read[i])) | u32(read[i] & kRaceMore);
  if (unknown) {
    for (u32 i = 0; i < count; ++i) {
      const RaceCell own = me + ((i >> step) << 2);
      if (!bounds.agrees(write[i], own) || (write[i] & kRaceMore) || !bounds.agrees_reader(read[i], own)) return false;
      if ((read[i] & kRaceMore) && !bounds.agrees_reader(more[i], own)) return false;
    }
  }
  for (u32 i = 0; i < count; ++i) write[i] = me + ((i >> step) << 2);
  return true;
}

template <Space S, Access access>
class RaceRows {
 public:
  RaceRows(Warp &w, const Op *op, u32 bytes, RaceShadow *shadow)
      : run_(*w.run), view_(*run_.race), bounds_(view_, view_.warps[w.id], w.id), shadow_(shadow), bytes_(bytes),
        shift_(S == Space::shared ? view_.shared_shift : shadow->shift), step_(log2_of(bytes) - shift_),
        me_(cell_of(view_.warps[w.id].epoch, u32(op - run_.ops), w.id, 0)) {}

  // False: somebody has to look closer, from the start.
  bool check(const Rows &rows) {
    if (rows.step == bytes_ && rows.is_one_row()) return stretch(rows.first, 0, kWarpSize);
    if (rows.step == bytes_) return stretch(rows.first, 0, kRow) && stretch(rows.second, kRow, kRow);
    if (access == Access::store && rows.step + bytes_ - 1 < 2 * bytes_ - 1) return false;     // lanes overlap
    if (rows.step == 0) return same(rows.first, 0) && (rows.is_same_row() || same(rows.second, kRow));
    for (u32 i = 0; i < kRow; ++i) {
      if (!element(rows.first + i * rows.step, i)) return false;
    }
    for (u32 i = 0; i < kRow; ++i) {
      if (!element(rows.second + i * rows.step, kRow + i)) return false;
    }
    return true;
  }

 private:
  static u32 log2_of(u32 bytes) { return 31 - u32(__builtin_clz(bytes)); }
  RaceCell me(u32 lane) const { return me_ + (lane << 2); }

  bool granules(const RaceCells &cells, u64 at, u32 count, u32 lane, u32 step, bool was_read) {
    if (access == Access::load) return load_granules(bounds_, cells, at, count, me(lane), step);
    return store_granules(bounds_, cells, at, count, me(lane), step, was_read);
  }

  // The cells of a piece of a line, which is split if it is not.
  bool piece(u64 address, u32 bytes, u32 lane, u32 step) {
    if (S == Space::shared) return granules(view_.shared, address >> shift_, bytes >> shift_, lane, step, true);
    const u64 at = address - shadow_->low;
    RaceLine &line = shadow_->lines[at / kRaceLine];
    if (!(line.write & kRaceSplit) || epoch_of(line.write) <= bounds_.floor) view_.call.split(run_, address);
    const RaceCells &cells = shadow_->chunks[at / kRaceChunk];
    const bool good = granules(cells, (at % kRaceChunk) >> shift_, bytes >> shift_, lane, step,
                               epoch_of(line.read) > bounds_.floor);
    if (access == Access::load) line.read = me(lane);
    return good;
  }

  bool element(u64 address, u32 lane) { return piece(address, bytes_, lane, 31); }

  // Lanes that follow each other.
  bool stretch(u64 address, u32 lane, u32 lanes) {
    const u32 all = lanes * bytes_;
    if (S == Space::shared) return piece(address, all, lane, step_);
    const bool whole = address % kRaceLine == 0 && all % kRaceLine == 0 && bytes_ >= 2 && bytes_ <= 16;
    if (whole) return whole_lines(address, lane, all);
    for (u32 done = 0; done < all;) {
      const u32 room = kRaceLine - u32((address + done) % kRaceLine), part = std::min(room, all - done);
      if (!piece(address + done, part, lane + done / bytes_, step_)) return false;
      done += part;
    }
    return true;
  }

  bool whole_lines(u64 address, u32 lane, u32 all) {
    RaceLine *lines = shadow_->lines + (address - shadow_->low) / kRaceLine;
    const u32 lanes = kRaceLine / bytes_;
    for (u32 i = 0; i < all / kRaceLine; ++i, lane += lanes) {
      RaceLine &line = lines[i];
      const RaceCell own = me(line_code(bytes_, lane / lanes));
      const bool split = (line.write & kRaceSplit) && epoch_of(line.write) > bounds_.floor;
      if (split || !bounds_.agrees(line.write, own) || !agrees_read(line.read, own)) {
        if (!piece(address + i * kRaceLine, kRaceLine, lane, step_)) return false;
        continue;
      }
      (access == Access::load ? line.read : line.write) = own;
    }
    return true;
  }

  bool agrees_read(RaceCell cell, RaceCell own) const {
    return access == Access::load ? bounds_.agrees(cell, own) : bounds_.agrees_reader(cell, own);
  }

  // Several lanes read one place: two of them are noted.
  bool same(u64 address, u32 lane) {
    if (access == Access::store) return false;
    RaceCells cells = view_.shared;
    u64 at = address >> shift_;
    if (S != Space::shared) {
      const u64 place = address - shadow_->low;
      RaceLine &line = shadow_->lines[place / kRaceLine];
      if (!(line.write & kRaceSplit) || epoch_of(line.write) <= bounds_.floor) {
        view_.call.split(run_, address);
      }
      line.read = me(lane);
      cells = shadow_->chunks[place / kRaceChunk];
      at = (place % kRaceChunk) >> shift_;
    }
    for (u32 i = 0; i < bytes_ >> shift_; ++i) {
      if (!same_granule(cells.write[at + i], cells.read[at + i], cells.more[at + i], me(lane))) return false;
    }
    return true;
  }

  bool same_granule(RaceCell write, RaceCell &read, RaceCell &more, RaceCell own) {
    constexpr RaceCell kWarpNow = (~RaceCell(0) << 32) | (31 << 7);
    if ((!bounds_.knows(write) && !bounds_.knows_own(write, bounds_.own)) || (write & kRaceMore)) return false;
    if (((read ^ own) & kWarpNow) == 0 && (read & kRaceMore)) return true;
    if (epoch_of(read) == kInFlight) return false;
    if (bounds_.knows(read) || bounds_.knows_own(read, bounds_.own)) {
      read = own | kRaceMore;
      more = own + (1 << 2);
    } else {
      note_second_reader(bounds_, read, more, ((read ^ own) & kRaceThread) == 0 ? own + (1 << 2) : own);
    }
    return true;
  }

  Run &run_;
  RaceView &view_;
  const RaceBounds<S> bounds_;
  RaceShadow *shadow_;
  const u32 bytes_, shift_, step_;
  const RaceCell me_;
};

}  // namespace vgpu
