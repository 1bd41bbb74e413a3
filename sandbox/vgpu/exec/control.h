// Divergence and calls: the stack of pending paths.
#pragma once

#include "lanes.h"

namespace vgpu {

constexpr u32 kMaxDepth = 512;         // nested calls

inline u32 index_of(const Warp &w, const Op *op) { return u32(op - w.run->ops); }

inline void push(Warp &w, u32 pc, u32 reconverge, u32 mask) { w.stack[w.top++] = {pc, reconverge, mask, kNone, 0}; }

// Goes on with the next pending path, leaving functions whose lanes have all returned. Null: the warp is done.
const Op *next_path(Warp &);

// Splits the warp: `lanes` go on at `pc`, the others later at `other`, all of them together again at `reconverge`.
const Op *diverge(Warp &, const Op *, u32 lanes, u32 pc, u32 other, u32 reconverge);

}  // namespace vgpu
