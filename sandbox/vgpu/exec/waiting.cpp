// Waiting inside a warp. Since Volta the threads of a warp have program counters of their own: an operation that names
// other lanes waits until they come to it, and a lane that spins does not keep the others from the work it waits for.
// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#independent-thread-scheduling
//
// A path that meets such an operation too early is parked there. What ends the wait: the named lanes come to the same
// operation, or to one that may meet it (exec/meeting.h; the paths then execute it together), or they exit. If nothing
// else can run, the lanes that are missing will never come, and that is the fault absent_lane or divergent_barrier.
// Lanes that wait at a join are not let go for a parked path: a real warp would not come to that operation together
// either.
//
// Lanes at a join are let go (independent of the others) only when the rest spins in a loop that waits for a value, as
// the winner of a spin lock must be.
#include "../isa/isa.h"
#include "control.h"
#include "meeting.h"

namespace vgpu {
namespace {

bool is_barrier(const Op &op) {
  return op.form == form_bar_sync || op.form == form_bar_red_popc || op.form == form_bar_red_pred ||
         op.form == form_bar_arrive;
}

Path current_path(const Warp &w, u32 pc) { return {pc, w.mask, w.join, w.live}; }

u32 activation_of(const Warp &w, const Path &path) {
  return path.join == kNone ? kNone : w.joins[path.join].activation;
}

void take_out(Path *paths, u32 &count, u32 index) {
  for (u32 i = index + 1; i < count; ++i) paths[i - 1] = paths[i];
  count -= 1;
}

bool same_meeting(const Warp &w, const Path &path, u32 pc) {
  return activation_of(w, path) == w.activation && may_meet(w.run->ops[path.pc], w.run->ops[pc]);
}

// Lanes parked at the operation at `pc`.
u32 parked_lanes(const Warp &w, u32 pc) {
  u32 lanes = 0;
  for (u32 i = 0; i < w.parked_count; ++i) lanes |= same_meeting(w, w.parked[i], pc) ? w.parked[i].mask : 0;
  return lanes;
}

// Parked paths at `pc` that hold some of `lanes` become partners of the current path.
void gather_partners(Warp &w, u32 pc, u32 lanes) {
  w.own_mask = w.mask;
  for (u32 i = 0; i < w.parked_count;) {
    const Path path = w.parked[i];
    if (!same_meeting(w, path, pc) || !(path.mask & lanes)) {
      ++i;
      continue;
    }
    w.partners[w.partner_count++] = path;
    w.mask |= path.mask;
    take_out(w.parked, w.parked_count, i);
  }
}

const Op *park(Warp &w, u32 pc) {
  w.parked[w.parked_count++] = current_path(w, pc);
  return run_pending(w);
}

// The partners name lanes that are still missing: everybody waits on.
const Op *give_up_meeting(Warp &w, u32 pc) {
  for (u32 i = 0; i < w.partner_count; ++i) w.parked[w.parked_count++] = w.partners[i];
  w.partner_count = 0;
  w.mask = w.own_mask;
  return park(w, pc);
}

// The places at which the warp's other lanes wait.
void note_bystanders(const Warp &w) {
  Run &run = *w.run;
  run.bystander_count = 0;
  for (u32 i = 1; i < w.parked_count && run.bystander_count < kBystanders; ++i) {
    const Op *op = run.ops + w.parked[i].pc;
    if (w.parked[i].pc == w.parked[i - 1].pc) continue;
    run.bystanders[run.bystander_count++] = {op, w.first_thread + first_lane(w.parked[i].mask)};
  }
}

const Op *stop_waiting(Warp &w) {
  const Path path = w.parked[0];
  note_bystanders(w);
  take_out(w.parked, w.parked_count, 0);
  const Op *op = run_path(w, path);
  if (is_barrier(*op)) {
    return stop_at(w, op, FaultKind::divergent_barrier, first_lane(w.mask),
                   "not every live thread of the block can reach this barrier: others of its warp wait at another "
                   "place");
  }
  return stop_at_absent(w, op, missing_lanes(w, *op));
}

// Since a path was parked some lanes have exited: perhaps nobody is missing any more.
bool retry_parked(Warp &w) {
  bool any = false;
  for (u32 i = 0; i < w.parked_count;) {
    if (w.parked[i].live == w.live) {
      ++i;
      continue;
    }
    w.pending[w.pending_count++] = w.parked[i];
    take_out(w.parked, w.parked_count, i);
    any = true;
  }
  return any;
}

// Lanes of the warp that wait at plain barriers of one number, at different places, meet there.
bool meet_at_barrier(Warp &w) {
  u32 lanes = 0, number = kNone;
  for (u32 i = 0; i < w.parked_count; ++i) {
    const Op &op = w.run->ops[w.parked[i].pc];
    const bool plain = op.form == form_bar_sync && !(op.flags & kAligned);
    if (!plain || activation_of(w, w.parked[i]) != w.activation) return false;
    const u32 id = lanes_at<u32>(w, op.a)[first_lane(w.parked[i].mask)];
    if (number != kNone && number != id) return false;
    number = id;
    lanes |= w.parked[i].mask;
  }
  return lanes == w.live;
}

const Op *arrive_together(Warp &w) {
  const Path first = w.parked[--w.parked_count];
  const Op *op = run_path(w, first);
  w.own_mask = w.mask;
  while (w.parked_count) {
    w.partners[w.partner_count++] = w.parked[--w.parked_count];
    w.mask |= w.partners[w.partner_count - 1].mask;
  }
  return op->run(w, op);
}

}  // namespace

const Op *wait_for(Warp &w, const Op *op, u32 absent) {
  const u32 pc = index_of(w, op);
  if (op->flags & kGuarded) return stop_at_absent(w, op, absent);
  if (w.partner_count) return give_up_meeting(w, pc);
  if (absent & ~parked_lanes(w, pc)) return park(w, pc);
  gather_partners(w, pc, absent);
  const Op *next;
  if (!run_together(w, op, next)) return give_up_meeting(w, pc);
  if (next && w.partner_count) part(w, pc + 1);
  return next;
}

void part(Warp &w, u32 next) {
  u32 mask = w.own_mask;
  for (u32 i = 0; i < w.partner_count; ++i) {
    const Path &path = w.partners[i];
    if (path.join == w.join && path.pc + 1 == next) mask |= path.mask;
    else add_pending(w, path.pc + 1, path.mask, path.join);
  }
  w.partner_count = 0;
  w.mask = mask;
}

const Op *resolve_waiting(Warp &w) {
  if (w.parked_count == 0) {
    w.mask = 0;
    w.state = WarpState::done;
    return nullptr;
  }
  if (retry_parked(w)) return run_pending(w);
  return meet_at_barrier(w) ? arrive_together(w) : stop_waiting(w);
}

namespace {

// Lanes that have returned from a call go on in the caller, with what they returned; the others stay in the function.
void release_call(Warp &w, Join &join, u32 lanes) {
  const CallSite &site = w.run->program->calls[join.call];
  const char *callee = w.frames + join.frame;
  char *caller = w.frames + join.frame - w.run->program->functions[site.caller].frame_bytes;
  for (const Copy &copy : site.returns) copy_words(w, callee + copy.to, caller + copy.from, copy.words, lanes);
  join.mask &= ~lanes;             // they stay in `arrived`: joins inside the function do not wait for them
}

// Lanes that wait at the innermost join with arrivals around a path's join go on without those that are inside. False:
// there are none.
bool release_join(Warp &w, u32 join_of_path) {
  for (u32 index = join_of_path; index != kNone; index = w.joins[index].parent) {
    Join &join = w.joins[index];
    const bool call = join.call != kNone;
    const u32 lanes = join.mask & join.arrived & w.live & ~(call ? 0 : returned_lanes(w, join.activation));
    if (!lanes) continue;
    if (call) release_call(w, join, lanes);
    else join.mask &= ~join.arrived, join.arrived = 0;
    add_pending(w, join.pc, lanes, join.parent);
    return true;
  }
  return false;
}

// The current path's join comes first, then that of each other: which path is the current one when patience ends may
// be the same every time.
void release_some_join(Warp &w) {
  bool released = release_join(w, w.join);
  for (u32 i = w.pending_count; i > 0 && !released; --i) released = release_join(w, w.pending[i - 1].join);
}

}  // namespace

const Op *yield(Warp &w, const Op *op, bool spins) {
  w.spun = spins;
  if (spins && ++w.yields > kPatientYields) {
    release_some_join(w);
    w.yields = 0;
  }
  if (w.pending_count) {
    const Path mine = current_path(w, index_of(w, op)), next = w.pending[w.pending_count - 1];
    for (u32 i = w.pending_count - 1; i > 0; --i) w.pending[i] = w.pending[i - 1];
    w.pending[0] = mine;
    const u32 yields = w.yields;
    op = run_path(w, next);
    w.yields = yields;
  }
  w.resume = op;
  return nullptr;
}

}  // namespace vgpu
