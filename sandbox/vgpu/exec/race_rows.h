// The race check of a full warp's request whose addresses are two rows (exec/rows.h), where every cell that it meets is
// known to the warp or is its own thread's. Everything else, and every report, is the work of races/.
#pragma once

#include "../isa/isa.h"
#include "race_granules.h"
#include "rows.h"

namespace vgpu {

constexpr u32 kHostLine = 64;     // bytes of a line of the host's cache

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
    if (rows.step == 0 && rows.is_same_row()) return same(rows.first, 0, kWarpSize);
    if (rows.step == 0) return same(rows.first, 0, kRow) && same(rows.second, kRow, kRow);
    // Where both rows are one, too: what lane i wrote itself is another's to lane 16 + i.
    if (S == Space::shared) return spread(rows.first, rows.step, 0) && spread(rows.second, rows.step, kRow);
    guess_next(rows.first);
    if (access == Access::store && step_ == 0)
      return scatter(rows.first, rows.step, 0) && scatter(rows.second, rows.step, kRow);
    for (u32 i = 0; i < kRow; ++i) {
      if (!element(rows.first + i * rows.step, i)) return false;
    }
    for (u32 i = 0; i < kRow; ++i) {
      if (!element(rows.second + i * rows.step, kRow + i)) return false;
    }
    return true;
  }

  bool check(const Request &r) {
    if (r.pattern == Pattern::strided) return stretch(r.address[0], 0, kWarpSize);
    if (access == Access::store && r.pattern == Pattern::uniform && (r.mask & (r.mask - 1))) return false;
    if (S == Space::shared && step_ == 0) return lone_granules(r);
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

  // Lanes that touch a granule each, anywhere in shared memory.
  bool lone_granules(const Request &r) {
    const RaceBounds<S> bounds = bounds_;
    const RaceCells cells = view_.shared;
    for (u32 rest = r.mask; rest; rest &= rest - 1) {
      const u32 lane = first_lane(rest);
      const u64 at = r.address[lane] >> shift_;
      const bool good = access == Access::load ? load_granule(bounds, cells, at, me(lane))
                                               : store_granule(bounds, cells, at, me(lane));
      if (!good) return false;
    }
    return true;
  }

  // A row of lanes that store a granule each, far apart in global memory.
  bool scatter(u64 address, u64 step, u32 lane) {
    if (scatter_simply(address - shadow_->low, step, me(lane))) return true;
    for (u32 i = 0; i < kRow; ++i) {
      if (!element(address + i * step, lane + i)) return false;
    }
    return true;
  }

  // Where the row is in one chunk and nobody has read its lines. All cells are read before one is written: they are far
  // away, and the host waits for several at a time.
  bool scatter_simply(u64 place, u64 step, RaceCell own) {
    const RaceBounds<S> bounds = bounds_;
    RaceCell *const chunk = shadow_->chunks[place / kRaceChunk].write;
    if (!chunk || (place ^ (place + (kRow - 1) * step)) / kRaceChunk) return false;
    RaceCell *const cells = chunk + ((place % kRaceChunk) >> shift_);
    const s64 apart = s64(step) >> shift_;
    u64 strange = 0;
    for (s64 i = 0; i < kRow; ++i, place += step) {
      RaceLine &line = shadow_->lines[place / kRaceLine];
      const RaceCell cell = cells[i * apart];
      strange |= u64(line.read >= bounds.old_end) | u64(!bounds.knows(cell)) | (cell & kRaceMore);
      if (!(line.write & kRaceSplit) || line.write < bounds.old_end) {
        if (line.write >= bounds.old_end || line.read >= bounds.old_end) return false;
        line.write = own | kRaceSplit;
      }
    }
    if (strange) return false;
    for (s64 i = 0; i < kRow; ++i) {
      cells[i * apart] = own + u64(i << 2);
      prefetch_next(cells + i * apart);
    }
    return true;
  }

  // The operation's next request is likely to be as far away as this one is from the last (exec/row_access.cpp); at
  // least, its cells are on the next line of the host's cache.
  void guess_next(u64 first) {
    const s64 least = s64(kHostLine / sizeof(RaceCell)) << shift_;
    const s64 further = s64(first - run_.counts[op_of(me_)].executed);
    ahead_ = further < 0 ? std::min(further, -least) : std::max(further, least);
  }
  [[gnu::always_inline]] void prefetch_next(const RaceCell *cell) const {
    const s64 ahead = (ahead_ >> shift_) * s64(sizeof(RaceCell));
    __builtin_prefetch(reinterpret_cast<const char *>(u64(cell) + u64(ahead)), 1);
  }
  // The cells that stand to a piece of the next request as those of `place` do to this one's.
  [[gnu::always_inline]] void prefetch_next(u64 place, u32 bytes) const {
    const s64 ahead = ahead_ / s64(kRaceLine) * s64(sizeof(RaceLine));
    __builtin_prefetch(reinterpret_cast<const char *>(u64(shadow_->lines + place / kRaceLine) + u64(ahead)), 1);
    const RaceCells &cells = shadow_->chunks[place / kRaceChunk];
    const u64 first = (place % kRaceChunk) >> shift_;
    for (u32 i = 0; i < bytes >> shift_; i += kHostLine / sizeof(RaceCell)) {
      prefetch_next(cells.write + first + i);
      if (access == Access::load) prefetch_next(cells.read + first + i);
    }
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
    if (!(line.write & kRaceSplit) || line.write < bounds_.old_end) view_.call.split(run_, address);
    const u64 at = (place % kRaceChunk) >> shift_;
    const bool good = granules(shadow_->chunks[place / kRaceChunk], bytes >> shift_,
                               line.read >= bounds_.old_end, [=](u32 i) { return at + i; }, owner);
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
    guess_next(address);
    for (u32 done = 0; done < all;) {
      const u32 room = kRaceLine - u32((address + done) % kRaceLine), part = std::min(room, all - done);
      if (!piece(address + done, part, lane + (done >> (shift_ + step_)), step_)) return false;
      prefetch_next(address + done - shadow_->low, part);
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
      const bool split = (line.write & kRaceSplit) && line.write >= bounds_.old_end;
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
  bool same(u64 address, u32 lane, u32 lanes) {
    if (access == Access::store) return false;
    RaceCells cells = view_.shared;
    u64 at = address >> shift_;
    if (S != Space::shared) {
      const u64 place = address - shadow_->low;
      RaceLine &line = shadow_->lines[place / kRaceLine];
      if (!(line.write & kRaceSplit) || line.write < bounds_.old_end) {
        view_.call.split(run_, address);
      }
      line.read = me(lane);
      cells = shadow_->chunks[place / kRaceChunk];
      at = (place % kRaceChunk) >> shift_;
    }
    for (u32 i = 0; i < bytes_ >> shift_; ++i) {
      if (!same_granule(cells.write[at + i], cells.read[at + i], cells.more[at + i], me(lane), lanes)) return false;
    }
    return true;
  }

  bool same_granule(RaceCell write, RaceCell &read, RaceCell &more, RaceCell own, u32 lanes) {
    if ((!bounds_.knows(write) && !bounds_.knows_own(write, bounds_.own)) || (write & kRaceMore)) return false;
    const bool full = (read & kRaceFull) && !bounds_.knows_more;
    if (full && !renews(bounds_, read, own) && !renews(bounds_, more, own)) return true;
    for (u64 i = 0; i < lanes && !are_now(read, more, own); ++i) {
      if (!note_reader(bounds_, read, more, own + (i << 2))) return false;
    }
    return true;
  }
  // Whether both readers are the operation's since the warp's lanes last met.
  static bool are_now(RaceCell read, RaceCell more, RaceCell own) {
    constexpr RaceCell kWarpNow = (~RaceCell(0) << kRaceOpShift) | kRaceWarp;
    return (read & kRaceMore) && (((read ^ own) | (more ^ own)) & kWarpNow) == 0;
  }

  Run &run_;
  RaceView &view_;
  const RaceBounds<S> bounds_;
  RaceShadow *shadow_;
  const u32 bytes_, shift_, step_;
  const RaceCell me_;
  s64 ahead_ = 0;          // bytes from this request to the next one, as far as can be guessed
};

}  // namespace vgpu
