// Handlers of isa/control.def that move the program counter: blocks, guards, branches, calls, returns, barriers.
#include "control.h"

#include "frame.h"
#include "table.h"

namespace vgpu {

namespace {

void copy_words(const Warp &w, const char *from, char *to, u32 words, u32 mask) {
  for (u32 i = 0; i < words * kWarpSize; ++i) {
    if (in_mask(mask, i % kWarpSize)) reinterpret_cast<u32 *>(to)[i] = reinterpret_cast<const u32 *>(from)[i];
  }
  if (!w.known) return;
  for (u32 i = 0; i < words; ++i) {
    u32 &target = w.known[(to - w.frames) / 4 + i * kWarpSize];
    const u32 source = w.known[(from - w.frames) / 4 + i * kWarpSize];
    target = (target & ~mask) | (source & mask);
  }
}

// Back in the caller: its frame, its local memory, its lanes; returned values go to those lanes.
void leave_function(Warp &w, const Entry &entry) {
  const CallSite &site = w.run->program->calls[entry.call];
  const FunctionCode &caller = w.run->program->functions[site.caller];
  const char *callee_frame = w.frame;
  w.frame -= caller.frame_bytes;
  w.local_base -= caller.local_bytes;
  w.depth -= 1;
  w.returned = entry.returned;
  for (const Copy &copy : site.returns) {
    copy_words(w, callee_frame + copy.to, w.frame + copy.from, copy.words, entry.mask & w.live);
  }
}

}  // namespace

const Op *next_path(Warp &w) {
  while (w.top > 0) {
    const Entry entry = w.stack[--w.top];
    if (entry.call != kNone) leave_function(w, entry);
    w.mask = entry.mask & w.live & ~w.returned;
    w.reconverge = entry.reconverge;
    if (w.mask) return w.run->ops + entry.pc;
  }
  w.mask = 0;
  w.state = WarpState::done;
  return nullptr;
}

const Op *diverge(Warp &w, const Op *op, u32 lanes, u32 pc, u32 other, u32 reconverge) {
  if (w.top + 2 > kStackEntries) return stop_at(w, op, FaultKind::stack_overflow, first_lane(w.mask));
  if (reconverge == kNone) reconverge = w.reconverge;
  if (reconverge != w.reconverge) push(w, reconverge, w.reconverge, w.mask);
  const u32 others = w.mask & ~lanes;
  w.reconverge = reconverge;
  const bool first_waits = pc == reconverge, other_waits = other == reconverge;
  if (!first_waits && !other_waits) push(w, other, reconverge, others);
  w.mask = first_waits ? others : lanes;
  return w.run->ops + (first_waits ? other : pc);
}

namespace {

// The head of every block: has this path met the others? Is there budget left? Then all operations of the block count.
const Op *enter_block(Warp &w, const Op *op) {
  Run &run = *w.run;
  if (index_of(w, op) == w.reconverge) return next_path(w);
  run.budget -= op->target;
  if (run.budget < 0) return stop_at(w, op + 1, FaultKind::budget, first_lane(w.mask));
  OpCounts &counts = run.counts[op - run.ops];
  counts.executed += 1;
  counts.threads += count_lanes(w.mask);
  return op + 1;
}

u32 guard_lanes(const Warp &w, const Op *op) {
  const u32 bits = predicate_at(w, op->a);
  return w.mask & (op->flags & kNegate ? ~bits : bits);
}

// guard, operation, unguard
const Op *guard(Warp &w, const Op *op) {
  const u32 lanes = guard_lanes(w, op);
  if (!lanes) return op + 3;
  w.run->counts[op + 1 - w.run->ops].threads += count_lanes(lanes);
  w.outer = w.mask;
  w.mask = lanes;
  return op + 1;
}
const Op *unguard(Warp &w, const Op *op) {
  w.mask = w.outer;
  return op + 1;
}

const Op *bra(Warp &w, const Op *op) { return w.run->ops + op->target; }

const Op *bra_if(Warp &w, const Op *op) {
  const u32 taken = guard_lanes(w, op);
  if (taken == w.mask) return w.run->ops + op->target;
  if (!taken) return op + 1;
  w.run->counts[op - w.run->ops].divergent += 1;
  return diverge(w, op, taken, op->target, index_of(w, op) + 1, op->reconverge);
}

// Lanes with the first active lane's index go on; the others come back to this operation.
const Op *brx_idx(Warp &w, const Op *op) {
  const u32 *index = lanes_at<u32>(w, op->a);
  const u32 chosen = index[first_lane(w.mask)];
  const u32 same = w.mask & lanes_where([&](u32 i) { return index[i] == chosen; });
  if (chosen >= op->v[0])
    return stop_at(w, op, FaultKind::trap, first_lane(w.mask), "the index is beyond the branch table");
  const u32 target = w.run->program->extra[op->v[1] + chosen];
  if (same == w.mask) return w.run->ops + target;
  w.run->counts[op - w.run->ops].divergent += 1;
  return diverge(w, op, same, target, index_of(w, op), op->reconverge);
}

const Op *leave_lanes(Warp &w, const Op *op, u32 lanes, bool exits) {
  if (exits || w.depth == 0) w.live &= ~lanes;
  else w.returned |= lanes;
  w.mask &= ~lanes;
  return w.mask ? op + 1 : next_path(w);
}
const Op *ret(Warp &w, const Op *op) { return leave_lanes(w, op, w.mask, false); }
const Op *exit(Warp &w, const Op *op) { return leave_lanes(w, op, w.mask, true); }
const Op *ret_if(Warp &w, const Op *op) {
  const u32 lanes = guard_lanes(w, op);
  w.run->counts[op - w.run->ops].divergent += lanes && lanes != w.mask;
  return leave_lanes(w, op, lanes, false);
}
const Op *exit_if(Warp &w, const Op *op) { return leave_lanes(w, op, guard_lanes(w, op), true); }

void poison_local(const Warp &w, u32 bytes) {
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    char *local = w.run->local + u64(w.first_thread + first_lane(rest)) * w.run->local_stride + w.local_base;
    for (u32 i = 0; i + 4 <= bytes; i += 4) std::memcpy(local + i, &w.run->poison, 4);
  }
}

const Op *enter_function(Warp &w, const Op *op, const FunctionCode &callee) {
  const CallSite &site = w.run->program->calls[op->v[0]];
  if (site.words != callee.signature_words) {
    return stop_at(w, op, FaultKind::trap, first_lane(w.mask), "the call does not fit the function's parameters");
  }
  const FunctionCode &caller = w.run->program->functions[site.caller];
  char *frame = w.frame + caller.frame_bytes;
  const u32 local_base = w.local_base + caller.local_bytes;
  const bool fits = frame + callee.frame_bytes <= w.frames_end && w.depth < kMaxDepth && w.top < kStackEntries;
  if (!fits || local_base + callee.local_bytes > w.run->local_stride) {
    return stop_at(w, op, FaultKind::stack_overflow, first_lane(w.mask));
  }
  w.local_base = local_base;
  prepare_frame(*w.run, w, callee, frame);
  for (const Copy &copy : site.arguments) copy_words(w, w.frame + copy.from, frame + copy.to, copy.words, w.mask);
  w.stack[w.top++] = {index_of(w, op) + 1, w.reconverge, w.mask, op->v[0], w.returned};
  w.frame = frame;
  w.depth += 1;
  w.returned = 0;
  w.reconverge = kNone;
  poison_local(w, callee.local_bytes);
  return w.run->ops + callee.entry;
}
const Op *call(Warp &w, const Op *op) { return enter_function(w, op, w.run->program->functions[op->target]); }

// Lanes that call the first active lane's function go on; the others come back to this operation.
const Op *call_indirect(Warp &w, const Op *op) {
  const u64 *address = lanes_at<u64>(w, op->a);
  const u64 chosen = address[first_lane(w.mask)];
  const u32 same = w.mask & lanes_where([&](u32 i) { return address[i] == chosen; });
  const auto &functions = w.run->program->functions;
  u32 found = 0;
  while (found < functions.size() && kFunctionBase + functions[found].address != chosen) ++found;
  if (found == functions.size() || found == 0) {
    return stop_at(w, op, FaultKind::trap, first_lane(w.mask), "the call's target is not a function");
  }
  if (same != w.mask) {
    w.run->counts[op - w.run->ops].divergent += 1;
    const u32 next = index_of(w, op) + 1;
    if (w.top + 2 > kStackEntries) return stop_at(w, op, FaultKind::stack_overflow, first_lane(w.mask));
    push(w, next, w.reconverge, w.mask);
    push(w, index_of(w, op), next, w.mask & ~same);
    w.mask = same;
    w.reconverge = next;
  }
  return enter_function(w, op, functions[found]);
}

const Op *call_host(Warp &w, const Op *op) { return w.run->host_call(*w.run, w, op) ? op + 1 : nullptr; }

const Op *trap(Warp &w, const Op *op) { return stop_at(w, op, FaultKind::trap, first_lane(w.mask)); }
const Op *unsupported(Warp &w, const Op *op) { return stop_at(w, op, FaultKind::unsupported, first_lane(w.mask)); }
const Op *nothing(Warp &, const Op *op) { return op + 1; }

const Op *nanosleep(Warp &w, const Op *op) {
  w.run->clock += lanes_at<u32>(w, op->a)[first_lane(w.mask)];
  return op + 1;
}

// --- barriers ------------------------------------------------------------------------------------------------------

// True where the warp may arrive: all its live threads are here.
bool arrives(Warp &w, const Op *op) {
  const u32 id = lanes_at<u32>(w, op->a)[first_lane(w.mask)];
  w.barrier = id;
  w.barrier_threads = op->b == kNone ? 0 : lanes_at<u32>(w, op->b)[first_lane(w.mask)];
  const u32 missing = w.live & ~w.mask;
  if (missing) stop_at(w, op, FaultKind::divergent_barrier, first_lane(missing), "it waits at another place");
  else if (id > 15) stop_at(w, op, FaultKind::trap, first_lane(w.mask), "a barrier number is at most 15");
  return !missing && id <= 15;
}

const Op *bar_sync(Warp &w, const Op *op) {
  if (!arrives(w, op)) return nullptr;
  w.state = WarpState::at_barrier;
  w.waiting = op;
  w.resume = op + 1;
  return nullptr;
}
const Op *bar_arrive(Warp &w, const Op *op) {
  if (!arrives(w, op)) return nullptr;
  w.run->barriers[w.barrier].arrived_threads += kWarpSize;
  w.run->barriers[w.barrier].expected = w.barrier_threads;
  return op + 1;
}
const Op *bar_red_pred(Warp &w, const Op *op) {
  w.vote = predicate_at(w, op->c) ^ (op->flags & kNegate ? kAllLanes : 0);
  return bar_sync(w, op);
}
const Op *bar_red_popc(Warp &w, const Op *op) { return bar_red_pred(w, op); }

const Op *bar_warp_sync(Warp &w, const Op *op) {
  const u32 *members = lanes_at<u32>(w, op->a);
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 absent = members[first_lane(rest)] & w.live & ~w.mask;
    if (absent) return stop_at(w, op, FaultKind::absent_lane, first_lane(rest));
  }
  return op + 1;
}

}  // namespace

void add_control(HandlerTable &table) {
#define CONTROL(name) set_all(table, form_##name, name);
  CONTROL(enter_block) CONTROL(guard) CONTROL(unguard) CONTROL(bra) CONTROL(bra_if) CONTROL(brx_idx) CONTROL(call)
  CONTROL(call_indirect) CONTROL(call_host) CONTROL(ret) CONTROL(ret_if) CONTROL(exit) CONTROL(exit_if) CONTROL(trap)
  CONTROL(nanosleep) CONTROL(unsupported) CONTROL(bar_warp_sync) CONTROL(bar_sync) CONTROL(bar_arrive)
  CONTROL(bar_red_popc) CONTROL(bar_red_pred)
#undef CONTROL
  set_all(table, form_brkpt, nothing);
  set_all(table, form_pmevent, nothing);
  set_all(table, form_fence, nothing);
}

}  // namespace vgpu
