// An access against the cells that it meets. A load must come after the last write; a store or an atomic after the last
// write and after the readers that are remembered. Accesses that are strong at both ends, each with a scope that
// includes the other thread, do not race.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#data-races
#include <algorithm>
#include <cstring>

#include "../isa/isa.h"
#include "racer.h"

namespace vgpu {

struct Racer::Me {
  Run &run;
  const Warp &w;
  const Op *op;
  Access access;
  Space space;
  const uint64_t *addresses;           // of all lanes of `mask`
  uint32_t mask, bytes;
  uint16_t traits;
  bool several;                        // words, as far as the lanes' addresses differ
  uint32_t lane = 0;
  RaceCell cell = 0;
};

// --- cells ----------------------------------------------------------------------------------------------------------

RaceShadow *Racer::find(const Run &run, const Op *op, uint64_t low, bool stores) {
  const auto found = shadows_.find(low);
  GlobalShadow *shadow = found == shadows_.end() ? nullptr : found->second;
  if (!shadow && (stores || found == shadows_.end())) {
    const Extent *extent = std::lower_bound(run.extents, run.extents + run.extent_count, low,
                                            [](const Extent &each, uint64_t value) { return each.low < value; });
    const size_t index = size_t(extent - run.extents);
    if (stores || index >= written_.size() || written_[index]) {
      std::unique_ptr<GlobalShadow> &kept = memory_.shadows[low];
      const bool fits = kept && kept->view().high == extent->high && kept->view().shift <= traits_.global_shift;
      if (!fits) kept = std::make_unique<GlobalShadow>(low, extent->high, traits_.global_shift);
      shadow = kept.get();
      for (Met &each : met_) each = each.low == low ? Met{} : each;
    }
    shadows_[low] = shadow;
  }
  RaceShadow *view = shadow ? &shadow->view() : nullptr;
  met_[size_t(op - ops_)] = {low, view};
  return view;
}

RaceShadow *Racer::shadow_at(const Run &run, const Op *op, uint64_t address, bool stores) {
  const Met &known = met_[size_t(op - ops_)];
  if (known.shadow && address >= known.shadow->low && address < known.shadow->high) return known.shadow;
  const Extent *after = std::upper_bound(run.extents, run.extents + run.extent_count, address,
                                         [](uint64_t value, const Extent &each) { return value < each.low; });
  return after == run.extents ? nullptr : find(run, op, after[-1].low, stores);
}

void Racer::split(uint64_t address) {
  const auto above = shadows_.upper_bound(address);
  const RaceCell mark = cell_of(memory_.last_epoch, 0, 0, 0);
  std::prev(above)->second->split(address, launch_base, mark);
}

// The cells around a global address, which get a line of their own; `at` is the address's place among them.
RaceCells Racer::cells_at(RaceShadow &shadow, uint64_t address, uint64_t &at) {
  const uint64_t place = address - shadow.low;
  const RaceLine &line = shadow.lines[place / kRaceLine];
  if (!(line.write & kRaceSplit) || epoch_of(line.write) <= launch_base) split(address);
  at = (place % kRaceChunk) >> shadow.shift;
  return shadow.chunks[place / kRaceChunk];
}

// --- what a warp knows ----------------------------------------------------------------------------------------------

// Of what the warp did before its lanes last met at a shuffle or the like.
bool Racer::is_gathered(const Me &me, RaceCell cell) const {
  const uint32_t epoch = epoch_of(cell);
  const bool own_block = me.space == Space::shared || block_of(epoch) == block_->number;
  return warp_of(cell) == me.w.id && epoch <= warps[me.w.id].gathered && own_block;
}

// Of an earlier launch, or an earlier block's in its shared memory.
bool Racer::is_old(const Me &me, RaceCell cell) const {
  return epoch_of(cell) <= (me.space == Space::shared ? block_->first : launch_base);
}

bool Racer::is_ordered(const Me &me, RaceCell cell) const {
  const uint32_t epoch = epoch_of(cell);
  const RaceWarp &fast = warps[me.w.id];
  if (epoch <= launch_base) return true;
  if (epoch == kInFlight) return false;
  const bool shared = me.space == Space::shared;
  if (shared && epoch <= fast.base) return true;       // by an earlier block, too
  const uint32_t block = shared ? block_->number : block_of(epoch), warp = warp_of(cell);
  const RaceWarpClock &own = block_->clocks[me.w.id];
  if (block != block_->number) return Clocks::knows(own.others, block, warp, epoch);
  if (epoch <= fast.base) return true;
  if (warp != me.w.id) return warp < own.seen.size() && epoch <= own.seen[warp];
  if (lane_of(cell) == me.lane || epoch <= fast.own) return true;
  return own.lanes && epoch <= (*own.lanes)[me.lane][lane_of(cell)];
}

// A strong load of what the warp's last flag released, without a fence since it read the flag: as in code from before
// fences had two ends, whose readers are volatile.
bool Racer::is_unfenced(const Me &me, RaceCell cell) const {
  if (me.access != Access::load || !(me.traits & kRaceStrong) || epoch_of(cell) == kInFlight) return false;
  const uint32_t block = me.space == Space::shared ? block_->number : block_of(epoch_of(cell));
  const RaceScopes &met = block_->clocks[me.w.id].pending;
  return Clocks::knows(met.wide, block, warp_of(cell), epoch_of(cell)) ||
         Clocks::knows(met.narrow, block, warp_of(cell), epoch_of(cell));
}

// Both are strong, and each one's scope includes the other's thread. Lanes of a warp that exchange several volatile
// words of shared memory are not exempt: that is code from before lanes had program counters of their own.
bool Racer::are_exempt(const Me &me, RaceCell cell) const {
  const uint16_t other = traits_.of[op_of(cell)];
  if (!(me.traits & other & kRaceStrong)) return false;
  const bool shared = me.space == Space::shared;
  if (shared && (me.traits & other & kRaceVolatile) && warp_of(cell) == me.w.id && me.several) return false;
  if (!((me.traits | other) & kRaceBlockScope) || shared) return true;
  return epoch_of(cell) == kInFlight || block_of(epoch_of(cell)) == block_->number;
}

// --- reports --------------------------------------------------------------------------------------------------------

namespace {

// A byte of what a lane of a store is about to write.
char stored_byte(const Warp &w, const Op *op, uint32_t lane, uint64_t byte) {
  const uint64_t part = byte / op->bytes, in_part = byte % op->bytes;
  const uint32_t lane_bytes = op->bytes < 4 ? 4 : op->bytes;
  return w.frame[op->v[part] + lane * lane_bytes + in_part];
}

}  // namespace

// Whether a store writes what is there already, or what another lane of it writes.
bool Racer::same_value(const Me &me, RaceCell cell, uint64_t address) const {
  if (!(me.traits & traits_.of[op_of(cell)] & kRaceValues) || me.access != Access::store) return false;
  const uint32_t other = lane_of(cell), size = 1u << (me.space == Space::shared ? traits_.shared_shift
                                                                                 : traits_.global_shift);
  const bool at_once = ((cell ^ me.cell) | kRaceThread | 3) == (kRaceThread | 3) && warp_of(cell) == me.w.id &&
                       (me.mask >> other & 1) && address - me.addresses[other] < me.bytes;
  const char *memory = (me.space == Space::shared ? me.run.shared : me.run.bias) + address;
  for (uint32_t i = 0; i < size; ++i) {
    const char stored = stored_byte(me.w, me.op, me.lane, address + i - me.addresses[me.lane]);
    const char there = at_once ? stored_byte(me.w, me.op, other, address + i - me.addresses[other]) : memory[i];
    if (stored != there) return false;
  }
  return true;
}

// Whether a copy that begins is what another thread's, under way, does too: cooperative groups fill up the last round
// of a tile so that its lanes do not diverge.
bool Racer::same_copy(const Me &me, RaceCell cell, uint64_t address) const {
  if (me.space != Space::shared || !(me.traits & traits_.of[op_of(cell)] & kRaceAsync)) return false;
  const PendingCopies &others = async_->warps[warp_of(cell)], &own = async_->warps[me.w.id];
  if (own.first() == own.end()) return false;
  const PendingCopy &mine = own.at(own.end() - 1);
  const auto bytes_read = [](const PendingCopy &copy, uint32_t lane) {
    return copy.partial >> lane & 1 ? copy.read[lane] : copy.bytes;
  };
  const uint32_t lane = lane_of(cell);
  for (uint64_t i = others.end(); i-- != others.first();) {
    const PendingCopy &copy = others.at(i);
    const bool is_mine = &copy == &mine && lane == me.lane;
    if (is_mine || !(copy.mask >> lane & 1) || address - copy.target[lane] >= copy.bytes) continue;
    return copy.target[lane] == mine.target[me.lane] && copy.source[lane] == mine.source[me.lane] &&
           copy.bytes == mine.bytes && bytes_read(copy, lane) == bytes_read(mine, me.lane);
  }
  return false;
}

// Of a copy in flight: whether the warp knows that it began, so that only a wait is missing.
bool Racer::is_late(const Me &me, RaceCell cell) const {
  return is_ordered(me, at_epoch(cell, block_->issued[warp_of(cell) * kWarpLanes + lane_of(cell)]));
}

const char *Racer::what_is_missing(const Me &me, RaceCell cell, bool own_block) const {
  const uint16_t other = traits_.of[op_of(cell)];
  if (me.traits & kRaceReadOnly && is_ordered(me, cell))
    return "the load goes through the read-only cache (.nc, __ldg), which may not see what this launch has written";
  if (epoch_of(cell) == kInFlight) {
    if (is_late(me, cell)) return "an asynchronous copy of these bytes is under way, and nobody has waited for it";
    return "another thread's asynchronous copy of them is under way, and no barrier is between";
  }
  if (!own_block) {
    return me.traits & other & kRaceStrong
               ? "the other thread is in another block, and one of the two has .cta scope"
               : "the other thread is in another block, and neither a fence with a flag nor an atomic orders the two";
  }
  if (other & kRaceAsync)
    return "an asynchronous copy wrote or read them, and no barrier lies between its thread's wait and this";
  if (warp_of(cell) != me.w.id) return "the other warp is of the same block, and no barrier is between";
  const bool same = op_of(cell) == uint32_t(me.op - ops_) && epoch_of(cell) == epoch_of(me.cell);
  return same && me.access == Access::store
             ? "two lanes of one warp store different values with one instruction, without __syncwarp between"
             : "the other lane is of the same warp, and no __syncwarp is between";
}

void Racer::accuse(const Me &me, RaceCell cell, Access previous, uint64_t address) {
  const bool in_flight = epoch_of(cell) == kInFlight, shared = me.space == Space::shared;
  const bool guess = (me.traits | traits_.of[op_of(cell)]) & kRaceGuess, exempt = are_exempt(me, cell);
  const bool unfenced = !exempt && is_unfenced(me, cell);
  if ((exempt && !guess) || (in_flight && !shared && !is_own_copy(address))) return;
  const Op *other = ops_ + op_of(cell);
  if (accused_by_ == me.op && accused_ == other) return;
  accused_by_ = me.op;
  accused_ = other;
  const uint16_t traits = traits_.of[op_of(cell)];
  const uint32_t block = in_flight || shared ? block_->number : block_of(epoch_of(cell));
  const FaultKind kind = in_flight && is_late(me, cell) ? FaultKind::missing_wait : FaultKind::race;
  if (in_flight && same_copy(me, cell, address)) return;
  const bool same = !exempt && !in_flight && previous != Access::load && same_value(me, cell, address);
  Finding finding;
  finding.is_remark = exempt || same || unfenced;
  finding.stop = {true, kind, me.op, me.w.id, me.lane, me.space, me.addresses[me.lane], me.bytes,
                  exempt     ? "a plain load is a guess that the atomic checks"
                  : same     ? "both store the same value"
                  : unfenced ? "the flag that orders them was read, and no fence is between that and this load"
                             : what_is_missing(me, cell, block == block_->number)};
  finding.other = {other, traits & kRaceAtomic ? Access::atomic : previous, (traits & kRaceAsync) != 0, block,
                   warp_of(cell) * kWarpLanes + lane_of(cell)};
  me.run.finding_call(me.run, finding);
}

// --- one access -----------------------------------------------------------------------------------------------------

// The last reader and one more: those that the access is ordered behind are forgotten first.
void Racer::note_reader(const Me &me, RaceCell &read, RaceCell &more, bool has_more) const {
  const bool keep = has_more && (read & kRaceMore) && !is_ordered(me, more);
  if (is_ordered(me, read)) {
    read = me.cell | (keep ? more_flags(me.cell, more) : 0);
  } else if (has_more && (!keep || (warp_of(read) == warp_of(more) && warp_of(read) != me.w.id &&
                                    epoch_of(more) != kInFlight))) {
    more = me.cell;
    read = (read & ~RaceCell(3)) | more_flags(read, more);
  }
}

void Racer::touch(const Me &me, RaceCell &write, RaceCell &read, RaceCell &more, uint64_t address) {
  const bool under = write & kRaceMore;          // `more` is the plain write under the last strong one
  const bool strong = traits_.of[op_of(write)] & kRaceStrong;
  const bool unseen = me.traits & kRaceReadOnly && !is_old(me, write);           // ordered or not
  const bool unordered = !is_ordered(me, write) && !(strong && is_gathered(me, write));
  if (unseen || unordered) accuse(me, write, Access::store, address);
  if (under && !is_ordered(me, more)) accuse(me, more, Access::store, address);
  if (me.access == Access::load) return note_reader(me, read, more, !under);
  if (!is_ordered(me, read) && !is_gathered(me, read)) accuse(me, read, Access::load, address);
  const bool another = (read & kRaceMore) && !under;
  if (another && !is_ordered(me, more) && !is_gathered(me, more)) accuse(me, more, Access::load, address);
  const bool covers = (me.traits & kRaceStrong) && !strong && !is_old(me, write);
  if (covers) more = write;
  if (covers) read &= ~(kRaceMore | kRaceFull);
  write = me.cell | (covers || (under && (me.traits & kRaceStrong)) ? kRaceMore : 0);
}

void Racer::touch_bytes(const Me &me, uint64_t address, uint64_t bytes) {
  if (me.space == Space::shared) {
    for (uint64_t at = address >> shared_shift; at < (address + bytes) >> shared_shift; ++at)
      touch(me, shared.write[at], shared.read[at], shared.more[at], at << shared_shift);
    return;
  }
  RaceShadow *shadow = bytes ? shadow_at(me.run, me.op, address, me.access != Access::load) : nullptr;
  if (!shadow) return;
  for (uint64_t at; bytes; address += 1u << shadow->shift, bytes -= std::min<uint64_t>(bytes, 1u << shadow->shift)) {
    const RaceCells cells = cells_at(*shadow, address, at);
    touch(me, cells.write[at], cells.read[at], cells.more[at], address);
    if (me.access == Access::load) shadow->lines[(address - shadow->low) / kRaceLine].read = me.cell;
  }
}

void Racer::request(Run &run, Warp &w, const Op *op, Access access, Space space, const uint64_t *address,
                    uint32_t mask, uint32_t bytes) {
  if (exhausted_) return;
  const uint32_t index = uint32_t(op - ops_), first = uint32_t(__builtin_ctz(mask));
  const uint16_t how = traits_.of[index];
  Me me{run, w, op, access, space, address, mask, bytes, how, false, 0, 0};
  for (uint32_t rest = mask; rest; rest &= rest - 1) me.several |= address[__builtin_ctz(rest)] != address[first];
  accused_by_ = accused_ = nullptr;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    me.lane = uint32_t(__builtin_ctz(rest));
    me.cell = cell_of(warps[w.id].epoch, index, w.id, me.lane);
    touch_bytes(me, address[me.lane], bytes);
  }
  if (how & kRaceStrong) strong_access(w, op, access, space, address, mask);
}

// --- asynchronous copies --------------------------------------------------------------------------------------------

// A copy touches memory when it begins, and until somebody has waited for it: so long its cells are in flight.
void Racer::begin_flight(Run &run, const Warp &w, const Op *op, uint32_t lane, Access access, Space space,
                         uint64_t address, uint64_t bytes) {
  if (exhausted_ || bytes == 0) return;
  has_sources_ |= space == Space::global && shadow_at(run, op, address, access != Access::load);
  uint64_t addresses[kWarpLanes];
  addresses[lane] = address;
  const uint32_t index = uint32_t(op - ops_);
  Me me{run, w, op, access, space, addresses, 1u << lane, uint32_t(bytes), traits_.of[index], false, lane,
        cell_of(warps[w.id].epoch, index, w.id, lane)};
  touch_bytes(me, address, bytes);
  block_->issued[w.id * kWarpLanes + lane] = epoch_of(me.cell);
  if (access == Access::load && (space == Space::shared || shadow_at(run, op, address, false))) {
    block_->reads_fly = true;
    for (RaceWarp &each : block_->fast) each.knows_more = true;
  }
  change_cells(run, space, access != Access::load, address, bytes, [&](RaceCell cell) {
    return ((cell ^ me.cell) & ~RaceCell(3)) == 0 ? at_epoch(cell, kInFlight) : cell;
  });
}

}  // namespace vgpu
