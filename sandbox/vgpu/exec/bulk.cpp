// Handlers of cp.async.bulk: each active lane copies a range of its own, checked and counted when it is issued. Loads
// are carried out when somebody tests the mbarrier that they signal, stores when their thread waits for their group.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-bulk-copy
//
// Limits: shared::cluster means the own block. wait_group.read carries a store out as wait_group does (it may complete
// at any time after it was issued); the proxies see the same memory, so fence.proxy.async needs no action.
#include "every_watch.h"
#include "landing.h"

namespace vgpu {
namespace {

constexpr u32 kUnit = 16;          // addresses and sizes are multiples of it

u64 address_in(const Warp &w, u32 slot, bool narrow, u32 lane, s64 offset) {
  return narrow ? u32(lanes_at<u32>(w, slot)[lane] + u32(offset)) : lanes_at<u64>(w, slot)[lane] + u64(offset);
}

// With tracking: the slots that decide where a copy goes must be known.
template <class W>
bool known_operands(Warp &w, const Op *op, bool signals) {
  if constexpr (W::kind == Watch::tracking) {
    u32 unknown = ~(known_lanes(w, op->a) & known_lanes(w, op->b) & known_lanes(w, op->v[0]));
    if (signals) unknown |= ~known_lanes(w, op->c);
    unknown &= w.mask;
    if (!unknown) return true;
    stop_at(w, op, FaultKind::uninitialised_address, first_lane(unknown));
    w.run->stop.lanes = unknown;
    return false;
  }
  return true;
}

bool check_range(Warp &w, const Op *op, Space space, u32 lane, u64 at, u32 bytes, bool writes) {
  if (at & (kUnit - 1)) return fault(w, op, FaultKind::misaligned, space, lane, at, kUnit);
  if (space == Space::shared) {
    const bool inside = bytes == 0 || shared_extent_at(*w.run, at, bytes);
    return inside || fault(w, op, FaultKind::out_of_bounds, space, lane, at, bytes);
  }
  const Extent *found = bytes ? extent_at(*w.run, at, bytes) : nullptr;
  if (bytes && !found) return fault(w, op, FaultKind::out_of_bounds, space, lane, at, bytes);
  if (bytes && writes && !found->writable) {
    return fault(w, op, FaultKind::write_to_constant, Space::constant, lane, at, bytes);
  }
  return true;
}

bool check_bulk(Warp &w, const Op *op, u32 lane, const Bulk &bulk) {
  if (bulk.bytes % kUnit != 0) {
    stop_at(w, op, FaultKind::trap, lane, "the size of a bulk copy is not a multiple of 16");
    return false;
  }
  const bool to_shared = bulk.kind == BulkKind::global_to_shared || bulk.kind == BulkKind::shared_to_shared;
  const Space from = bulk.kind == BulkKind::global_to_shared ? Space::global : Space::shared;
  return check_range(w, op, from, lane, bulk.source, bulk.bytes, false) &&
         check_range(w, op, to_shared ? Space::shared : Space::global, lane, bulk.target, bulk.bytes, true);
}

// Sectors, wavefronts and bytes of one lane's copy; the cycles until its data is there.
template <class W>
u32 count_bulk(Warp &w, const Op *op, const Bulk &bulk) {
  const bool in_global = bulk.kind != BulkKind::shared_to_shared;
  const u64 global = bulk.kind == BulkKind::global_to_shared ? bulk.source : bulk.target;
  if constexpr (W::kind != Watch::nothing) {
    OpCounts &counts = counts_of(w, op);
    counts.divergent += bulk.bytes;          // see OpCounts
    counts.wavefronts += (bulk.bytes + 127) / 128;
    if (in_global && bulk.bytes) counts.pieces += ((global + bulk.bytes - 1) >> 5) - (global >> 5) + 1;
  }
  u32 latency = w.run->latency;
  if constexpr (W::kind == Watch::timing) {
    const Access access = bulk.kind == BulkKind::global_to_shared ? Access::load
                          : bulk.kind == BulkKind::reduce ? Access::atomic : Access::store;
    for (u32 done = 0; in_global && done < bulk.bytes; done += kUnit * kWarpSize) {
      Lanes64 part;
      const u32 units = (bulk.bytes - done) / kUnit, lanes = units < kWarpSize ? units : kWarpSize;
      for (u32 i = 0; i < kWarpSize; ++i) part.at[i] = global + done + (i < lanes ? i : 0) * kUnit;
      const u32 mask = lanes == kWarpSize ? kAllLanes : (1u << lanes) - 1;
      const u32 cycles = w.run->cache_call(*w.run, access, part.at, mask, kUnit);
      latency = cycles > latency ? cycles : latency;
    }
  }
  return latency;
}

Bulk bulk_of(const Warp &w, const Op *op, BulkKind kind, u32 lane) {
  const u64 target = address_in(w, op->a, op->flags & kAddress32, lane, op->offset);
  const u64 source = address_in(w, op->b, op->kind & kSecondNarrow, lane, s32(op->v[3]));
  return {kind, op->round, uint8_t(op->v[1]), lanes_at<u32>(w, op->v[0])[lane], target, source};
}

// --- copies that signal an mbarrier ----------------------------------------------------------------------------------

bool check_barrier(Warp &w, const Op *op, u32 lane, u64 at) {
  if (at & 7) return fault(w, op, FaultKind::misaligned, Space::shared, lane, at, 8);
  if (!shared_extent_at(*w.run, at, 8)) return fault(w, op, FaultKind::out_of_bounds, Space::shared, lane, at, 8);
  u64 word;
  if (read_mbarrier(*w.run, u32(at), word)) return true;
  stop_at(w, op, FaultKind::trap, lane, kNotInitialised);
  return false;
}

template <class W, BulkKind kind>
const Op *copy_and_signal(Warp &w, const Op *op) {
  if (!known_operands<W>(w, op, true)) return nullptr;
  const u64 cycle = issue_cycle<W>(w, op);
  const u32 all = w.mask;
  for (u32 rest = all; rest; rest &= rest - 1) {
    const u32 lane = first_lane(rest);
    const Bulk bulk = bulk_of(w, op, kind, lane);
    const u64 barrier = address_in(w, op->c, op->kind & kThirdNarrow, lane, s32(op->v[2]));
    if (!check_bulk(w, op, lane, bulk) || !check_barrier(w, op, lane, barrier)) {
      if (survive(w)) continue;
      return nullptr;
    }
    const u32 latency = count_bulk<W>(w, op, bulk);
    const Signal signal{u32(barrier), w.id, 1u << lane, 0, cycle + latency, true, bulk};
    if constexpr (W::kind == Watch::races) W::bulk(w, op, lane, bulk);
    if (const char *problem = add_signal<W>(w, signal)) return stop_at(w, op, FaultKind::trap, lane, problem);
  }
  w.mask = all;
  w.lost = 0;
  if constexpr (W::kind != Watch::nothing) counts_of(w, op).requests += 1;
  return op + 1;
}

// --- copies in groups ------------------------------------------------------------------------------------------------

// Carries out the stores that due(store) selects, in order of issue; returns when the last of them is done.
template <class W, class Due>
u64 land_stores(Warp &w, Due due) {
  std::vector<BulkStore> &stores = w.async->stores;
  u64 arrival = 0;
  size_t kept = 0;
  for (size_t i = 0; i < stores.size(); ++i) {
    const BulkStore &each = stores[i];
    if (!due(each)) {
      stores[kept++] = each;
      continue;
    }
    land_bulk<W>(w, each.bulk);
    arrival = each.arrival > arrival ? each.arrival : arrival;
  }
  stores.resize(kept);
  return arrival;
}

template <class W, BulkKind kind>
const Op *copy_in_group(Warp &w, const Op *op) {
  if (!known_operands<W>(w, op, false)) return nullptr;
  AsyncState &state = *w.async;
  state.used = true;
  const u64 cycle = issue_cycle<W>(w, op);
  const u32 all = w.mask;
  for (u32 rest = all; rest; rest &= rest - 1) {
    const u32 lane = first_lane(rest);
    const Bulk bulk = bulk_of(w, op, kind, lane);
    if (!check_bulk(w, op, lane, bulk)) {
      if (survive(w)) continue;
      return nullptr;
    }
    W::sent(w, op, lane, bulk.source, bulk.bytes, bulk.target);
    if (state.stores.size() == AsyncState::kMostSignals) {
      const BulkStore *oldest = &state.stores.front();
      land_stores<W>(w, [=](const BulkStore &each) { return &each == oldest; });
    }
    const u32 latency = count_bulk<W>(w, op, bulk);
    if constexpr (W::kind == Watch::races) W::bulk(w, op, lane, bulk);
    state.stores.push_back({w.id, lane, state.warps[w.id].bulk_committed[lane], cycle + latency, bulk});
  }
  w.mask = all;
  w.lost = 0;
  if constexpr (W::kind != Watch::nothing) counts_of(w, op).requests += 1;
  return op + 1;
}

const Op *commit_group(Warp &w, const Op *op) {
  w.async->used = true;
  u32 *committed = w.async->warps[w.id].bulk_committed;
  for (u32 i = 0; i < kWarpSize; ++i) committed[i] += in_mask(w.mask, i);
  return op + 1;
}

template <class W>
const Op *wait_group(Warp &w, const Op *op) {
  const u32 *committed = w.async->warps[w.id].bulk_committed, *may_wait = lanes_at<u32>(w, op->b);
  const auto due = [&](const BulkStore &each) {
    const bool own = each.warp == w.id && in_mask(w.mask, each.lane);
    return own && u64(each.group) + may_wait[each.lane] < committed[each.lane];
  };
  hold_until<W>(w, land_stores<W>(w, due));
  return op + 1;
}

const Op *nothing(Warp &, const Op *op) { return op + 1; }

template <class W>
void add_watched(Handler *row) {
  row[form_cp_async_bulk_load] = copy_and_signal<W, BulkKind::global_to_shared>;
  row[form_cp_async_bulk_shared] = copy_and_signal<W, BulkKind::shared_to_shared>;
  row[form_cp_async_bulk_store] = copy_in_group<W, BulkKind::shared_to_global>;
  for (const uint16_t form : {form_cp_reduce_async_bulk_bits, form_cp_reduce_async_bulk_add,
                              form_cp_reduce_async_bulk_add_half, form_cp_reduce_async_bulk_wrap,
                              form_cp_reduce_async_bulk_extreme}) {
    row[form] = copy_in_group<W, BulkKind::reduce>;
  }
  row[form_cp_async_bulk_wait_group] = wait_group<W>;
}

}  // namespace

void add_bulk(HandlerTable &table) {
  for_every_watch(table, [](auto watch, Handler *row) { add_watched<decltype(watch)>(row); });
  set_all(table, form_cp_async_bulk_commit, commit_group);
  set_all(table, form_cp_async_bulk_prefetch, nothing);
}

}  // namespace vgpu
