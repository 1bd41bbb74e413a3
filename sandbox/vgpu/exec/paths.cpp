// The tree of joins: which lanes run, which wait for them, and where they meet. See run.h.
#include "control.h"

namespace vgpu {

void copy_words(const Warp &w, const char *from, char *to, u32 words, u32 mask) {
  for (u32 i = 0; i < words * kWarpSize; ++i) {
    if (in_mask(mask, i % kWarpSize)) reinterpret_cast<u32 *>(to)[i] = reinterpret_cast<const u32 *>(from)[i];
  }
  if (!w.known) return;
  for (u32 i = 0; i < words; ++i) {
    u32 &target = w.known[(to - w.frames) / 4 + i * kWarpSize];
    const u32 source = w.known[(from - w.frames) / 4 + i * kWarpSize];
    target = (target & ~mask) | (source & mask);
    for (u32 rest = mask & ~source; rest; rest &= rest - 1) {
      const u64 lane = first_lane(rest), there = u64(to - w.frames) / 4 + i * kWarpSize + lane;
      const u64 here = u64(from - w.frames) / 4 + i * kWarpSize + lane;
      std::memcpy(w.unknown + there * 4, w.unknown + here * 4, 4);
      w.origins[there] = w.origins[here];
    }
  }
}

namespace {

void head_for(Warp &w, u32 join) {
  w.join = join;
  w.reconverge = join == kNone || w.joins[join].call != kNone ? kNone : w.joins[join].pc;
}

// Back in the caller: its frame, its local memory; returned values go to `lanes`.
void leave_function(Warp &w, const Join &join, u32 lanes) {
  const CallSite &site = w.run->program->calls[join.call];
  const FunctionCode &caller = w.run->program->functions[site.caller];
  const char *callee_frame = w.frame;
  w.frame -= caller.frame_bytes;
  w.local_end = w.local_base;
  w.local_base -= caller.local_bytes;
  w.depth -= 1;
  w.activation = join.parent == kNone ? kNone : w.joins[join.parent].activation;
  for (const Copy &copy : site.returns) {
    copy_words(w, callee_frame + copy.to, w.frame + copy.from, copy.words, lanes);
  }
}

void close_join(Warp &w, u32 index) {
  w.joins[index].parent = w.free_join;
  w.free_join = index;
}

}  // namespace

const Op *run_path(Warp &w, const Path &path) {
  const u32 activation = path.join == kNone ? kNone : w.joins[path.join].activation;
  if (activation != w.activation) w.run->activation_call(*w.run, w, activation);
  w.mask = path.mask;
  head_for(w, path.join);
  return w.run->ops + path.pc;
}

const Op *run_pending(Warp &w) {
  if (w.pending_count == 0) return resolve_waiting(w);
  const Path path = w.pending[--w.pending_count];
  return run_path(w, path);
}

Join *open_join(Warp &w, u32 pc, u32 call) {
  u32 index = w.free_join;
  if (index != kNone) w.free_join = w.joins[index].parent;
  else if (w.joins_used < kJoins) index = w.joins_used++;
  else return nullptr;
  const u32 activation = call == kNone ? w.activation : index;
  w.joins[index] = {pc, w.mask, 0, w.join, call, activation, 0, 0, 0, 0, 0};
  head_for(w, index);
  return &w.joins[index];
}

const Op *next_path(Warp &w) {
  while (w.join != kNone) {
    const u32 index = w.join;
    Join &join = w.joins[index];
    const bool call = join.call != kNone;
    if (!call) join.arrived |= w.mask;
    const u32 lanes = join.mask & w.live & ~(call ? 0 : returned_lanes(w, join.activation));
    if (lanes & ~join.arrived) return run_pending(w);      // others are still on their way
    const u32 pc = join.pc;
    if (call) leave_function(w, join, lanes);
    head_for(w, join.parent);
    close_join(w, index);
    w.mask = lanes;
    if (lanes) return w.run->ops + pc;
  }
  return run_pending(w);
}

const Op *diverge(Warp &w, const Op *op, u32 lanes, u32 pc, u32 other, u32 reconverge) {
  if (reconverge != kNone && reconverge != w.reconverge && !open_join(w, reconverge)) {
    return stop_at(w, op, FaultKind::stack_overflow, first_lane(w.mask));
  }
  const u32 others = w.mask & ~lanes;
  const bool first_waits = pc == w.reconverge;
  if (first_waits) w.joins[w.join].arrived |= lanes;
  else if (other == w.reconverge) w.joins[w.join].arrived |= others;
  else add_pending(w, other, others, w.join);
  w.mask = first_waits ? others : lanes;
  return w.run->ops + (first_waits ? other : pc);
}

}  // namespace vgpu
