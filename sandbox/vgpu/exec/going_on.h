// A launch that may report several faults goes on after one where that leaves it something to do: the access does not
// happen in the lanes that are at fault, a result there is the poison pattern, and under tracking it counts as known,
// so that one mistake is reported once.
//
// A handler checks before it does anything, records the fault and returns null. The loop that called it notes the fault
// and calls it again without those lanes (go_on). Handlers that do several things one after the other, each with its
// own check, do that themselves (survive, then settle_lost).
#pragma once

#include "lanes.h"

namespace vgpu {

// Faults that say of single lanes that they do not do what the instruction says.
inline bool leaves_something(FaultKind kind) {
  return kind == FaultKind::out_of_bounds || kind == FaultKind::misaligned || kind == FaultKind::write_to_constant ||
         kind == FaultKind::uninitialised_address || kind == FaultKind::uninitialised_branch ||
         kind == FaultKind::absent_lane;
}

inline bool is_survivable(const Warp &w) {
  const Run &run = *w.run;
  return run.goes_on && run.stop.stopped && leaves_something(run.stop.kind) && w.partner_count == 0;
}

// After a fault: notes it and takes its lanes out of the warp (Warp::lost). False: the launch stops.
bool survive(Warp &);

// The results of the operation in the lost lanes; then none are lost.
void settle_lost(Warp &, const Op *);

// The launch stopped at an operation: where the warp goes on, or null.
const Op *go_on(Warp &);

}  // namespace vgpu
