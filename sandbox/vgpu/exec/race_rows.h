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
  u64 floor, first, base, own, gathered;
  u64 warp;                                    // bits of a cell

  RaceBounds(const RaceView &view, const RaceWarp &w, u32 id)
      : floor(view.launch_base), first(view.block_first), base(w.base), own(w.own),
        gathered(std::max(w.own, w.gathered)), warp(u64(id) << 7) {}
  bool knows(RaceCell cell) const {
    const u64 epoch = cell >> 32;
    if (S == Space::shared) return epoch <= base;
    return (epoch <= floor) | ((epoch >= first) & (epoch <= base));
  }
  // Of what the warp did itself before its lanes last met, at `met`.
  bool knows_own(RaceCell cell, u64 met) const {
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

// Notes a reader beside one that is not known. Two of different warps are as many as are kept (kRaceFull).
template <class Bounds>
inline void note_second_reader(const Bounds &bounds, RaceCell &read, RaceCell &more, RaceCell me) {
  const bool free = !(read & kRaceMore) || bounds.agrees(more, me);
  if (!free && (warp_of(read) != warp_of(more) || warp_of(me) == warp_of(read))) return;
  more = me;
  read |= kRaceMore | (warp_of(me) == warp_of(read) ? 0 : kRaceFull);
}

// Granule i of `count` is at place(i) and belongs to the thread of owner(i). What the loops read is passed by value,
// because a cell that is written could be a part of it otherwise. Readers from before the last write do not
// count: it was compared with them.
template <class Bounds, class Place, class Owner>
inline bool load_granules(const Bounds bounds, const RaceCells cells, u32 count, Place place, Owner owner) {
  u64 strange = 0, live = 0, full = kRaceFull;
  for (u32 i = 0; i < count; ++i) {
    const RaceCell write = cells.write[place(i)], read = cells.read[place(i)];
    const u64 lives = u64(!bounds.knows(read)) & u64(read >> 32 >= write >> 32);
    strange |= u64(!bounds.knows(write)) | (write & kRaceMore);
    live |= lives;
    full &= read & (lives << 1);
  }
  if (!strange && !live) {
    for (u32 i = 0; i < count; ++i) cells.read[place(i)] = owner(i);
    return true;
  }
  if (!strange && full) return true;
  for (u32 i = 0; i < count; ++i) {
    const RaceCell write = cells.write[place(i)], me = owner(i);
    RaceCell &read = cells.read[place(i)], &more = cells.more[place(i)];
    if (!bounds.agrees(write, me) || (write & kRaceMore)) return false;
    if (bounds.knows(read) || epoch_of(read) < epoch_of(write)) read = me;
    else if (read & kRaceFull) continue;
    else if (bounds.is_same(read, me)) read = me | (read & kRaceMore);
    else if (bounds.knows_own(read, bounds.own)) read = me;
    else if (epoch_of(read) == kInFlight) return false;
    else note_second_reader(bounds, read, more, me);
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
    const RaceCell write = cells.write[place(i)], read = cells.read[place(i)], me = owner(i);
    if (!bounds.agrees(write, me) || (write & kRaceMore) || !bounds.agrees_reader(read, me)) return false;
    if ((read & kRaceMore) && !bounds.agrees_reader(cells.more[place(i)], me)) return false;
  }
  for (u32 i = 0; i < count; ++i) cells.write[place(i)] = owner(i);
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
    // Of two lanes that load one place, one is noted.
    const bool once = access == Access::load && rows.is_same_row();
    if (S == Space::shared) return spread(rows.first, rows.step, 0) && (once || spread(rows.second, rows.step, kRow));
    if (access == Access::store && step_ == 0)
      return scatter(rows.first, rows.step, 0) && scatter(rows.second, rows.step, kRow);
    for (u32 i = 0; i < kRow; ++i) {
      if (!element(rows.first + i * rows.step, i)) return false;
    }
    for (u32 i = 0; i < kRow && !once; ++i) {
      if (!element(rows.second + i * rows.step, kRow + i)) return false;
    }
    return true;
  }

  bool check(const Request &r) {
    if (r.pattern == Pattern::strided) return stretch(r.address[0], 0, kWarpSize);
    if (access == Access::store && r.pattern == Pattern::uniform && (r.mask & (r.mask - 1))) return false;
    for (u32 rest = r.mask; rest; rest &= rest - 1) {
      const u32 lane = first_lane(rest);
      if (S != Space::shared && (r.address[lane] < shadow_->low || r.address[lane] >= shadow_->high)) return false;
      if (!element(r.address[lane], lane)) return false;
    }
    return true;
  }

 private:
  static u32 log2_of(u32 bytes) { return 31 - u32(__builtin_clz(bytes)); }
  RaceCell me(u32 lane) const { return me_ + (lane << 2); }

  template <class Place, class Owner>
  bool granules(const RaceCells &cells, u32 count, bool was_read, Place place, Owner owner) {
    if (access == Access::load) return load_granules(bounds_, cells, count, place, owner);
    return store_granules(bounds_, cells, count, was_read, place, owner);
  }

  // A row of lanes in shared memory that are apart.
  bool spread(u64 address, u64 step, u32 lane) {
    const u64 at = address >> shift_, apart = u64(s64(step) >> shift_);
    const RaceCell first = me(lane);
    if (step_ == 0) {
      return granules(view_.shared, kRow, true, [=](u32 i) { return at + i * apart; },
                      [=](u32 i) { return first + (i << 2); });
    }
    const u32 each = step_, rest = (1u << step_) - 1;
    return granules(view_.shared, kRow << step_, true,
                    [=](u32 i) { return at + (i >> each) * apart + (i & rest); },
                    [=](u32 i) { return first + ((i >> each) << 2); });
  }

  // A row of lanes that store a granule each, far apart in global memory.
  bool scatter(u64 address, u64 step, u32 lane) {
    const RaceBounds<S> bounds = bounds_;
    const RaceShadow shadow = *shadow_;
    RaceCell own = me(lane);
    for (u32 i = 0; i < kRow; ++i, address += step, own += 1 << 2) {
      const u64 place = address - shadow.low;
      const RaceLine line = shadow.lines[place / kRaceLine];
      const bool simple = (line.write & kRaceSplit) && (line.write >> 32) > bounds.floor &&
                          (line.read >> 32) <= bounds.floor;
      RaceCell *cell = shadow.chunks[place / kRaceChunk].write + ((place % kRaceChunk) >> shadow.shift);
      if (simple && bounds.knows(*cell) && !(*cell & kRaceMore)) *cell = own;
      else if (!element(address, lane + i)) return false;
    }
    return true;
  }

  // The cells of a piece of memory, which in global memory is of one line; that is split if it is not.
  bool piece(u64 address, u32 bytes, u32 lane, u32 step) {
    const RaceCell first = me(lane);
    const auto owner = [=](u32 i) { return first + ((i >> step) << 2); };
    if (S == Space::shared) {
      const u64 at = address >> shift_;
      return granules(view_.shared, bytes >> shift_, true, [=](u32 i) { return at + i; }, owner);
    }
    const u64 place = address - shadow_->low;
    RaceLine &line = shadow_->lines[place / kRaceLine];
    if (!(line.write & kRaceSplit) || epoch_of(line.write) <= bounds_.floor) view_.call.split(run_, address);
    const u64 at = (place % kRaceChunk) >> shift_;
    const bool good = granules(shadow_->chunks[place / kRaceChunk], bytes >> shift_,
                               epoch_of(line.read) > bounds_.floor, [=](u32 i) { return at + i; }, owner);
    if (access == Access::load) line.read = first;
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
    if ((read & kRaceFull) && !bounds_.knows(read) && epoch_of(read) >= epoch_of(write)) return true;
    if (epoch_of(read) == kInFlight) return false;
    if (bounds_.knows(read) || bounds_.knows_own(read, bounds_.own) || epoch_of(read) < epoch_of(write)) {
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
