// Fills the handlers of a form for every Watch. This is the one list of the Watches: a new one is added here.
#pragma once

#include "claiming.h"
#include "racing.h"
#include "table.h"

namespace vgpu {

// Calls add(W(), the table's row of W) for each Watch W.
template <class Add>
void for_every_watch(HandlerTable &table, Add add) {
  const auto add_one = [&](auto watch) { add(watch, table[size_t(decltype(watch)::kind)]); };
  add_one(WatchNothing());
  add_one(WatchCounters());
  add_one(WatchClaims());
  add_one(WatchTiming());
  add_one(WatchTracking());
  add_one(WatchRaces());
}

}  // namespace vgpu
