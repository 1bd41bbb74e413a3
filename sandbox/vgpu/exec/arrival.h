// When asynchronous work arrives: a copy takes the latency of its source, counted from the cycle in which it issued,
// and whoever waits goes on no earlier. Contention is not modelled. Without the scoreboard nothing of this is compiled.
#pragma once

#include "../observe/scoreboard.h"
#include "observers.h"
#include "pending.h"

namespace vgpu {

// Cycle in which the operation issues: when the last of its sources is ready.
template <class W>
inline u64 issue_cycle(const Warp &w, const Op *op) {
  if constexpr (W::kind != Watch::timing) return 0;
  const Program &program = *w.run->program;
  const Uses &uses = program.uses[size_t(op - w.run->ops)];
  return w.run->scoreboard->issue_cycle(w.id, program.units.data() + uses.first, uses.sources);
}

// The warp goes on no earlier than `cycle`.
template <class W>
inline void hold_until(const Warp &w, u64 cycle) {
  if constexpr (W::kind == Watch::timing) w.run->scoreboard->hold(w.id, cycle);
}

inline BarrierClock &clock_of(AsyncState &state, u32 barrier) {
  for (BarrierClock &each : state.clocks) {
    if (each.barrier == barrier) return each;
  }
  state.clocks.push_back({barrier, 0, 0});
  return state.clocks.back();
}

// Something arrived at the barrier at `cycle`; perhaps it ended the phase.
template <class W>
inline void note_arrival(const Warp &w, u32 barrier, u64 cycle, bool ended) {
  if constexpr (W::kind == Watch::timing) {
    BarrierClock &clock = clock_of(*w.async, barrier);
    if (cycle > clock.filling) clock.filling = cycle;
    if (!ended) return;
    clock.done = clock.filling;
    clock.filling = 0;
  }
}

}  // namespace vgpu
