// Counts, and looks for accesses that nothing orders (races/).
#pragma once

#include "race_rows.h"

namespace vgpu {

struct WatchRaces : WatchCounters {
  static constexpr Watch kind = Watch::races;

  static void global(Warp &w, const Op *op, Access access, const Request &r) {
    WatchCounters::global(w, op, access, r);
    request(w, op, access, Space::global, r);
  }
  static void shared(Warp &w, const Op *op, Access access, const Request &r) {
    WatchCounters::shared(w, op, access, r);
    request(w, op, access, Space::shared, r);
  }

  // Rows that are inside; those of global memory in the allocation that the operation met last.
  template <Space S, Access access>
  static void rows(Warp &w, const Op *op, const Rows &rows, u32 bytes) {
    const RaceView &view = *w.run->race;
    RaceShadow *shadow = nullptr;
    if (S != Space::shared) {
      shadow = shadow_of(w, op, access == Access::store);
      if (!shadow) return;
    }
    const bool closely = view.traits[op - w.run->ops] & (kRaceStrong | kRaceClosely);
    if (!closely && RaceRows<S, access>(w, op, bytes, shadow).check(rows)) return;
    Lanes64 address;
    fill_addresses(rows, address);
    view.call.request(*w.run, w, op, access, S == Space::shared ? S : Space::global, address.at, kAllLanes, bytes);
  }

  // --- asynchronous copies, and the mbarriers that they signal
  static void copy(Warp &w, const Op *op, const u64 *target, const u64 *source, u32 mask, u32 whole) {
    w.run->race->call.copy(*w.run, w, op, target, source, mask, whole, op->bytes);
  }
  static void landed(Warp &w, const u32 *target, const u64 *source, u32 mask, u32 bytes) {
    w.run->race->call.landed(*w.run, w, target, source, mask, bytes);
  }
  static void bulk(Warp &w, const Op *op, u32 lane, const Bulk &bulk) {
    w.run->race->call.bulk(*w.run, w, op, lane, bulk);
  }
  static void bulk_landed(Warp &w, const Bulk &bulk) { w.run->race->call.bulk_landed(*w.run, w, bulk); }
  static void at_mbarrier(const Warp &w, u32 address, RaceEvent event, u32 warp) {
    w.run->race->call.mbarrier(*w.run, address, event, warp);
  }

 private:
  static void request(Warp &w, const Op *op, Access access, Space space, const Request &r) {
    const RaceView &view = *w.run->race;
    if (view.traits[op - w.run->ops] & kRaceAsync) return;       // exec/async.cpp tells more
    if (space == Space::global && access == Access::load && r.together && !shadow_of(w, op, false)) return;
    if (access == Access::load ? check<Access::load>(w, op, space, r) : check<Access::store>(w, op, space, r)) return;
    view.call.request(*w.run, w, op, access, space, r.address, r.mask, r.bytes);
  }

  // Whether the quick check settles it.
  template <Access access>
  static bool check(Warp &w, const Op *op, Space space, const Request &r) {
    const RaceView &view = *w.run->race;
    if (view.traits[op - w.run->ops] & (kRaceStrong | kRaceClosely)) return false;
    if (space == Space::shared) return RaceRows<Space::shared, access>(w, op, r.bytes, nullptr).check(r);
    RaceShadow *shadow = shadow_of(w, op, access == Access::store);
    return shadow && RaceRows<Space::global, access>(w, op, r.bytes, shadow).check(r);
  }

  static RaceShadow *shadow_of(Warp &w, const Op *op, bool stores) {
    const RaceView &view = *w.run->race;
    const u64 low = counts_of(w, op).low;
    const RaceView::Met &met = view.met[op - w.run->ops];
    return met.low == low && (met.shadow || !stores) ? met.shadow : view.call.find(*w.run, op, low, stores);
  }
};

}  // namespace vgpu
