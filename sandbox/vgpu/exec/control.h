// Divergence, calls and waiting: how a warp chooses the path that runs.
#pragma once

#include "lanes.h"

namespace vgpu {

constexpr u32 kMaxDepth = 512;         // nested calls
constexpr u32 kPatientVisits = 32;     // of the head of a waiting loop, before others get their turn
constexpr u32 kPatientYields = 6;      // before lanes that wait at a join go on without those that wait in a loop

inline u32 index_of(const Warp &w, const Op *op) { return u32(op - w.run->ops); }

// --- paths and joins (paths.cpp) -----------------------------------------------------------------------------------

// Opens a join inside the current one and makes the current path head for it. Null where there are too many.
Join *open_join(Warp &, u32 pc, u32 call = kNone);

inline void add_pending(Warp &w, u32 pc, u32 mask, u32 join) { w.pending[w.pending_count++] = {pc, mask, join, 0}; }

// Makes `path` the current one.
const Op *run_path(Warp &, const Path &path);
// The path that was split off last goes on. Null: nothing can run.
const Op *run_pending(Warp &);

// Words of a frame, for the lanes of `mask`, with what is known of them.
void copy_words(const Warp &, const char *from, char *to, u32 words, u32 mask);

// Lanes that have returned from the function that the join is in.
inline u32 returned_lanes(const Warp &w, u32 activation) {
  return activation == kNone ? 0 : w.joins[activation].arrived;
}

// The current path has come to its join, or has no lanes left: goes on with what can run. Null: nothing can.
const Op *next_path(Warp &);

// Splits the warp: `lanes` go on at `pc`, the others later at `other`, all of them together again at `reconverge`.
const Op *diverge(Warp &, const Op *, u32 lanes, u32 pc, u32 other, u32 reconverge);

// --- waiting (waiting.cpp) -----------------------------------------------------------------------------------------

// The operation names the lanes `absent`, which are on other paths of the warp: executes it together with those that
// wait for it already, or waits for them. What it returns is what the handler returns.
const Op *wait_for(Warp &, const Op *, u32 absent);

// No path can run and some wait for lanes: decides what becomes of them.
const Op *resolve_waiting(Warp &);

// The paths that executed an operation together are paths of their own again; the current one goes on at `next`.
void part(Warp &, u32 next);

// The current path has had its share: other paths of the warp, then other warps go on. `spins`: it waits in a loop.
const Op *yield(Warp &, const Op *, bool spins);

}  // namespace vgpu
