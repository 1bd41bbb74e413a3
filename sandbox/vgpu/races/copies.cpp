// Asynchronous copies. From its issue to the wait that carries it out, the cells of a copy's target and source are in
// flight: whoever touches them then has not waited. When it lands they become its thread's, as if that had copied then.
#include <algorithm>

#include "racer.h"

namespace vgpu {

// --- copies of single lanes -----------------------------------------------------------------------------------------

void Racer::copy(Run &run, Warp &w, const Op *op, const uint64_t *target, const uint64_t *source, uint32_t mask,
                 uint32_t whole, uint32_t bytes) {
  accused_by_ = accused_ = nullptr;
  const OpCounts &memory = run.counts[op - ops_];          // the allocation that the sources were found in last
  const Met &met = met_[size_t(op - ops_)];
  for (; mask; mask &= mask - 1) {
    const uint32_t lane = uint32_t(__builtin_ctz(mask));
    if (!begin_quickly(w, op, lane, target[lane], bytes))
      begin_flight(run, w, op, lane, Access::store, Space::shared, target[lane], bytes);
    if (met.low == memory.low && !met.shadow && source[lane] - memory.low < memory.size) continue;
    // Of a shorter source nobody is accused: its end may be another's.
    if (whole >> lane & 1) begin_flight(run, w, op, lane, Access::load, Space::global, source[lane], bytes);
  }
}

// Where the warp knows of everything that was done to the target.
bool Racer::begin_quickly(const Warp &w, const Op *op, uint32_t lane, uint64_t target, uint32_t bytes) {
  if (traits_.of[size_t(op - ops_)] & kRaceClosely) return false;
  const RaceWarp &fast = warps[w.id];
  const uint64_t first = target >> shared_shift, end = (target + bytes) >> shared_shift;
  const auto known = [&](RaceCell cell) { return epoch_of(cell) <= fast.base && !(cell & kRaceMore); };
  for (uint64_t at = first; at < end; ++at) {
    const bool quiet = known(shared.write[at]) &&
                       (known(shared.read[at]) || (epoch_of(shared.read[at]) <= fast.base &&
                                                   epoch_of(shared.more[at]) <= fast.base));
    if (!quiet) return false;
  }
  const RaceCell cell = cell_of(kInFlight, uint32_t(op - ops_), w.id, lane);
  for (uint64_t at = first; at < end; ++at) shared.write[at] = cell;
  block_->issued[w.id * kWarpLanes + lane] = fast.epoch;
  return true;
}

// Whichever warp's lane it was: lanes of one number are told apart by their targets, and two copies into one place are
// a finding when the second is issued.
void Racer::landed(Run &run, Warp &w, const uint32_t *target, const uint64_t *source, uint32_t mask, uint32_t bytes) {
  for (; mask; mask &= mask - 1) {
    const uint32_t lane = uint32_t(__builtin_ctz(mask));
    RaceCell copied = 0;
    for (uint64_t at = target[lane] >> shared_shift; at < (target[lane] + bytes) >> shared_shift; ++at) {
      RaceCell &cell = shared.write[at];
      if (epoch_of(cell) != kInFlight || lane_of(cell) != lane) continue;
      copied = cell;
      cell = at_epoch(cell, warp_of(cell) == w.id ? warps[w.id].epoch : memory_.last_epoch);
    }
    if (copied == 0 || !has_sources_) continue;
    land(run, w, Space::global, false, source[lane], bytes,
         [&](RaceCell cell) { return ((cell ^ copied) & ~RaceCell(3)) == 0; });
  }
}

// --- bulk copies ----------------------------------------------------------------------------------------------------

namespace {

struct Ends { Space from, to; };
Ends ends_of(const Bulk &bulk) {
  const bool to_shared = bulk.kind == BulkKind::global_to_shared || bulk.kind == BulkKind::shared_to_shared;
  return {bulk.kind == BulkKind::global_to_shared ? Space::global : Space::shared,
          to_shared ? Space::shared : Space::global};
}

}  // namespace

void Racer::bulk(Run &run, Warp &w, const Op *op, uint32_t lane, const Bulk &bulk) {
  accused_by_ = accused_ = nullptr;
  const Ends ends = ends_of(bulk);
  const Access access = bulk.kind == BulkKind::reduce ? Access::atomic : Access::store;
  begin_flight(run, w, op, lane, Access::load, ends.from, bulk.source, bulk.bytes);
  begin_flight(run, w, op, lane, access, ends.to, bulk.target, bulk.bytes);
}

void Racer::bulk_landed(Run &run, Warp &w, const Bulk &bulk) {
  const Ends ends = ends_of(bulk);
  const auto any = [](RaceCell) { return true; };
  land(run, w, ends.from, false, bulk.source, bulk.bytes, any);
  land(run, w, ends.to, true, bulk.target, bulk.bytes, any);
}

// --- the end of a block ---------------------------------------------------------------------------------------------

// The dropped copies' cells are taken for old ones.
void Racer::end(Run &run, AsyncState &state) {
  if (!state.used || exhausted_) return;
  const auto drop = [&](Space space, bool writes, uint64_t address, uint64_t bytes) {
    bool told = !writes;
    change_cells(run, space, writes, address, bytes, [&](RaceCell cell) {
      if (epoch_of(cell) != kInFlight) return cell;
      if (!told) remark_dropped(run, cell, space, address, bytes);
      told = true;
      return at_epoch(cell, launch_base);
    });
  };
  for (const PendingCopies &copies : state.warps) {
    for (uint64_t i = copies.first(); i != copies.end(); ++i) {
      const PendingCopy &copy = copies.at(i);
      for (uint32_t mask = copy.mask; mask; mask &= mask - 1) {
        const uint32_t lane = uint32_t(__builtin_ctz(mask));
        drop(Space::shared, true, copy.target[lane], copy.bytes);
        drop(Space::global, false, copy.source[lane], copy.bytes);
      }
    }
  }
  const auto drop_bulk = [&](const Bulk &bulk) {
    const Ends ends = ends_of(bulk);
    drop(ends.from, false, bulk.source, bulk.bytes);
    drop(ends.to, true, bulk.target, bulk.bytes);
  };
  for (const Signal &each : state.signals) {
    if (each.is_bulk) drop_bulk(each.bulk);
  }
  for (const BulkStore &each : state.stores) drop_bulk(each.bulk);
}

void Racer::remark_dropped(Run &run, RaceCell cell, Space space, uint64_t address, uint64_t bytes) {
  Finding finding;
  finding.is_remark = true;
  finding.stop = {true, FaultKind::missing_wait, ops_ + op_of(cell), warp_of(cell), lane_of(cell), space, address,
                  uint32_t(bytes), "its block ended before anybody waited for the copy"};
  run.finding_call(run, finding);
}

// Whether one of the running block's own bulk copies holds the address.
bool Racer::is_own_copy(uint64_t address) const {
  const AsyncState &state = *async_;
  const auto holds = [&](uint64_t at, uint64_t bytes) { return address - at < bytes; };
  for (const BulkStore &each : state.stores) {
    if (holds(each.bulk.target, each.bulk.bytes)) return true;
  }
  for (const Signal &each : state.signals) {
    if (each.is_bulk && each.bulk.kind == BulkKind::global_to_shared && holds(each.bulk.source, each.bulk.bytes))
      return true;
  }
  for (const PendingCopies &copies : state.warps) {
    for (uint64_t i = copies.first(); i != copies.end(); ++i) {
      const PendingCopy &copy = copies.at(i);
      for (uint32_t mask = copy.mask; mask; mask &= mask - 1) {
        if (holds(copy.source[__builtin_ctz(mask)], copy.bytes)) return true;
      }
    }
  }
  return false;
}

}  // namespace vgpu
