// Handlers of isa/control.def that move the program counter: blocks, guards, branches, calls, returns, barriers.
#include "control.h"

#include "../observe/scoreboard.h"
#include "frame.h"
#include "race_view.h"
#include "table.h"
#include "tracking.h"

namespace vgpu {

namespace {

// The turn is over, or the whole launch: nothing is left in reserve.
const Op *end_slice(Warp &w, const Op *op) {
  Run &run = *w.run;
  if (run.reserve == 0) return stop_at(w, op + 1, FaultKind::budget, first_lane(w.mask));
  run.slice += op->target;
  return yield(w, op, false);
}

// The head of every block: has this path met the others? Is there budget left? Then all operations of the block count.
const Op *enter_block(Warp &w, const Op *op) {
  Run &run = *w.run;
  if (index_of(w, op) == w.reconverge) return next_path(w);
  run.slice -= op->target;
  if (run.slice < 0) return end_slice(w, op);
  OpCounts &counts = run.counts[op - run.ops];
  counts.executed += 1;
  counts.threads += count_lanes(w.mask);
  run.helpers += op->v[0];
  if (run.scoreboard) run.scoreboard->count(run.unit_slots[op->v[1]]);
  return op + 1;
}

// The head of a loop that may wait for what another thread writes; op->offset: instructions of the loop. A warp that
// did nothing but go round lets the others go on.
const Op *enter_waiting_loop(Warp &w, const Op *op) {
  if (index_of(w, op) == w.reconverge) return next_path(w);
  const u64 now = executed_by(*w.run);
  if (w.visits == 0) w.visits_began = now;
  if (++w.visits > kPatientVisits) {
    w.visits = 0;
    if (now - w.visits_began <= (kPatientVisits + 1) * u64(op->offset)) return yield(w, op, true);
  }
  return enter_block(w, op);
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
  if (exits || w.activation == kNone) w.live &= ~lanes;
  else w.joins[w.activation].arrived |= lanes;
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

// Of a frame in local memory that begins anew nothing is known.
void forget_local(const Warp &w, u32 lane, u32 bytes) {
  const u64 start = u64(w.first_thread + lane) * w.run->local_stride + w.local_base;
  for (u32 i = 0; i + 4 <= bytes; i += 4) {
    set_unknown(w, Space::local, w.run->known_local, start + i, 4, {~u64(0), 0});
  }
}

void poison_local(const Warp &w, u32 bytes) {
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    char *local = w.run->local + u64(w.first_thread + first_lane(rest)) * w.run->local_stride + w.local_base;
    for (u32 i = 0; i + 4 <= bytes; i += 4) std::memcpy(local + i, &w.run->poison, 4);
    if (w.known) forget_local(w, first_lane(rest), bytes);
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
  const bool fits = frame + callee.frame_bytes <= w.frames_end && w.depth < kMaxDepth &&
                    local_base + callee.local_bytes <= w.run->local_stride;
  Join *join = fits ? open_join(w, index_of(w, op) + 1, op->v[0]) : nullptr;
  if (!join) return stop_at(w, op, FaultKind::stack_overflow, first_lane(w.mask));
  prepare_frame(*w.run, w, callee, frame);
  for (const Copy &copy : site.arguments) copy_words(w, w.frame + copy.from, frame + copy.to, copy.words, w.mask);
  w.frame = frame;
  w.local_base = local_base;
  w.local_end = local_base + callee.local_bytes;
  w.depth += 1;
  w.activation = w.join;
  join->frame = u32(frame - w.frames);
  join->frame_bytes = callee.frame_bytes;
  join->local_base = local_base;
  join->depth = w.depth;
  join->callee = u32(&callee - w.run->program->functions.data());
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
    if (!open_join(w, index_of(w, op) + 1)) return stop_at(w, op, FaultKind::stack_overflow, first_lane(w.mask));
    add_pending(w, index_of(w, op), w.mask & ~same, w.join);
    w.mask = same;
  }
  return enter_function(w, op, functions[found]);
}

const Op *call_host(Warp &w, const Op *op) { return w.run->host_call(*w.run, w, op) ? op + 1 : nullptr; }

const Op *trap(Warp &w, const Op *op) { return stop_at(w, op, FaultKind::trap, first_lane(w.mask)); }
const Op *unsupported(Warp &w, const Op *op) { return stop_at(w, op, FaultKind::unsupported, first_lane(w.mask)); }

// ptxas keeps 16 bits of a count that it knows, and its code clamps one that it does not; which it knows we cannot say.
const Op *short_count(Warp &w, const Op *op) {
  const u32 *count = lanes_at<u32>(w, op->a);
  const u32 beyond = w.mask & lanes_where([&](u32 i) { return count[i] > 0xffff; });
  if (!beyond) return op + 1;
  return stop_at(w, op, FaultKind::unsupported, first_lane(beyond),
                 "a shift of 16 bits by more than 65535 is not executed: assemblers do not agree on it");
}

const Op *nothing(Warp &, const Op *op) { return op + 1; }

const Op *nanosleep(Warp &w, const Op *op) {
  w.run->slept += lanes_at<u32>(w, op->a)[first_lane(w.mask)];
  w.visits = kPatientVisits;        // it waits: the next time round is others' turn
  w.visits_began = executed_by(*w.run);
  return op + 1;
}

// --- barriers ------------------------------------------------------------------------------------------------------

// Arrives at the barrier with all live lanes, or waits for those that are missing. `next` is where the warp goes on.
bool arrives(Warp &w, const Op *op, const Op *&next) {
  const u32 id = lanes_at<u32>(w, op->a)[first_lane(w.mask)];
  const u32 missing = w.live & ~w.mask;
  next = nullptr;
  if (missing) next = wait_for(w, op, missing);
  if (missing) return false;
  w.barrier = id;
  w.barrier_threads = op->b == kNone ? 0 : lanes_at<u32>(w, op->b)[first_lane(w.mask)];
  const char *problem = nullptr;
  if (w.barrier_threads % kWarpSize) problem = "a barrier counts whole warps: threads must be a multiple of 32";
  if (id > 15) problem = "a barrier number is at most 15";
  if (problem) stop_at(w, op, FaultKind::trap, first_lane(w.mask), problem);
  return !problem;
}

const Op *bar_sync(Warp &w, const Op *op) {
  const Op *next;
  if (!arrives(w, op, next)) return next;
  w.state = WarpState::at_barrier;
  w.waiting = op;
  w.resume = op + 1;
  return nullptr;
}
const Op *bar_arrive(Warp &w, const Op *op) {
  const Op *next;
  if (!arrives(w, op, next)) return next;
  Barrier &barrier = w.run->barriers[w.barrier];
  barrier.arrived_threads += kWarpSize;
  barrier.expected = w.barrier_threads;
  barrier.arrival = op;
  barrier.arrival_warp = w.id;
  if (w.run->race) w.run->race->call.arrive(*w.run, w, w.barrier);
  return op + 1;
}
const Op *bar_red_pred(Warp &w, const Op *op) {
  w.vote = predicate_at(w, op->c) ^ (op->flags & kNegate ? kAllLanes : 0);
  return bar_sync(w, op);
}
const Op *bar_red_popc(Warp &w, const Op *op) { return bar_red_pred(w, op); }

const Op *bar_warp_sync(Warp &w, const Op *op) {
  const u32 *members = lanes_at<u32>(w, op->a);
  u32 absent = 0, wrong = 0;
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 lane = first_lane(rest);
    absent |= members[lane];
    wrong |= in_mask(members[lane], lane) ? 0 : 1u << lane;
  }
  if (wrong && !w.forgives) {
    stop_at(w, op, FaultKind::absent_lane, first_lane(wrong));
    w.run->stop.lanes = wrong;
    return nullptr;
  }
  absent &= w.forgives ? 0 : w.live & ~w.mask;
  if (absent) return wait_for(w, op, absent);
  if (w.run->race) w.run->race->call.warp_sync(*w.run, w, members);
  return op + 1;
}

const Op *raced_fence(Warp &w, const Op *op) {
  w.run->race->call.fence(*w.run, w, op);
  return op + 1;
}

}  // namespace

void add_control(HandlerTable &table) {
#define CONTROL(name) set_all(table, form_##name, name);
  CONTROL(enter_block) CONTROL(enter_waiting_loop) CONTROL(guard) CONTROL(unguard) CONTROL(bra) CONTROL(bra_if)
  CONTROL(brx_idx) CONTROL(call) CONTROL(call_indirect) CONTROL(call_host) CONTROL(ret) CONTROL(ret_if) CONTROL(exit)
  CONTROL(exit_if) CONTROL(trap) CONTROL(nanosleep) CONTROL(unsupported) CONTROL(bar_warp_sync) CONTROL(bar_sync)
  CONTROL(short_count)
  CONTROL(bar_arrive) CONTROL(bar_red_popc) CONTROL(bar_red_pred)
#undef CONTROL
  set_all(table, form_brkpt, trap);        // what ptxas makes of both: BPT.TRAP
  set_all(table, form_pmevent, nothing);
  set_all(table, form_fence, nothing);
  table[size_t(Watch::races)][form_fence] = raced_fence;
}

}  // namespace vgpu
