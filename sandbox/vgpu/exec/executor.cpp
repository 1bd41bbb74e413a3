// One build of the interpreter: the table of its handlers and the loop that runs them.
#include "../observe/scoreboard.h"
#include "builds.h"
#include "control.h"
#include "going_on.h"
#include "table.h"
#include "tracking.h"
#include "unknown_bits.h"

namespace vgpu {

namespace {

struct Table {
  HandlerTable plain = {}, quick = {};
  Table() {
    add_integer(plain);
    add_floating(plain);
    add_half(plain);
    add_convert(plain);
    add_memory(plain);
    add_atomics(plain);
    add_vector_atomics(plain);
    add_stack(plain);
    add_control(plain);
    add_warp_operations(plain);
    add_async(plain);
    add_mbarrier(plain);
    add_bulk(plain);
    add_cluster(plain);
    add_mma(plain);
    add_quads(plain);
    add_ldmatrix(plain);
    add_wmma(plain);
    add_row_access(quick);
    add_uniform_shuffle(quick);
  }
};

const Table &table() {
  static const Table handlers;
  return handlers;
}

void bind(Op *ops, size_t count, Watch watch, bool plain) {
  for (Op *op = ops; op != ops + count; ++op) {
    const bool waits = op->form == form_enter_block && op->offset != 0;      // the head of a loop that may wait
    const uint16_t form = waits ? uint16_t(form_enter_waiting_loop) : op->form;
    const Handler quick = table().quick[size_t(watch)][form];
    op->run = quick && !plain ? quick : plain_handler(form, watch);
  }
}

void execute_plain(Warp &w, const Op *op) {
  while (op) op = op->run(w, op);
}

void execute_timed(Warp &w, const Op *op) {
  Run &run = *w.run;
  const Uses *all = run.program->uses.data();
  const u32 *all_units = run.program->units.data();
  while (op) {
    run.latency = run.latencies[op->form];
    const Op *next = op->run(w, op);
    if (run.latency != 0) {
      const Uses &uses = all[op - run.ops];
      const u32 *units = all_units + uses.first;
      if (uses.is_simple) run.scoreboard->issue(w.id, uses.source_unit, uses.destination_unit, run.latency);
      else run.scoreboard->issue(w.id, units, uses.sources, units + uses.sources, uses.destinations, run.latency);
    } else if (op->form == form_enter_block) {
      run.scoreboard->enter_code(w.id);
    }
    op = next;
  }
}

// Whether the operation decides where to go, or whether to touch memory, by a predicate that is not known.
u32 unknown_decision(const Warp &w, const Op *op) {
  const bool branches = op->form == form_bra_if || op->form == form_ret_if || op->form == form_exit_if;
  const bool guards = op->form == form_guard && (op->flags & kGuardsMemory);
  return branches || guards || op->form == form_brx_idx ? w.mask & ~known_lanes(w, op->a) : 0;
}

// Whether every source is known in every active lane.
inline bool knows_sources(const Warp &w, const Op *op, const Uses &uses) {
  const u32 *source = w.run->program->operands.data() + uses.first;
  u32 known = op->flags & kUsesCarry ? ~w.carry_unknown : kAllLanes;
  for (u32 i = 0; i < uses.sources; ++i) known &= known_lanes(w, source[i]);
  return !(w.mask & ~known);
}

// At a guard of an operation that is not one of memory: in these lanes nobody knows whether it happens.
void doubt(Warp &w, const Op *op) {
  w.doubtful = w.mask & ~known_lanes(w, op->a);
  w.doubt_origin = origin_of_predicate(w, op->a);
  const u32 bits = predicate_at(w, op->a);
  const bool happens = w.mask & (op->flags & kNegate ? ~bits : bits);
  if (w.doubtful && !happens) lose_results(w, op + 1);      // its end is jumped over
}

// Spreads what is known through an operation that is not simple. False: it would decide by an unknown value.
bool spread_general(Warp &w, const Op *op, const Uses &uses) {
  if (op->form == form_unguard) {
    if (w.doubtful) lose_results(w, op - 1);
    return true;
  }
  if (const u32 unknown = unknown_decision(w, op)) {
    stop_at(w, op, FaultKind::uninitialised_branch, first_lane(unknown));
    w.run->stop.lanes = unknown;
    w.run->stop.origin = op->form == form_brx_idx ? unknown_of<u32>(w, op->a, first_lane(unknown)).origin
                                                  : origin_of_predicate(w, op->a);
    return false;
  }
  if (op->form == form_guard) doubt(w, op);
  if (uses.destinations == 0) return true;
  if (!knows_sources(w, op, uses)) {
    spread_unknown(w, op, uses);
    return true;
  }
  const u32 *destination = w.run->program->operands.data() + uses.first + uses.sources;
  for (u32 i = 0; i < uses.destinations; ++i) known_lanes(w, destination[i]) |= w.mask;
  if (op->flags & kSetsCarry) w.carry_unknown &= ~w.mask;
  return true;
}

void execute_tracked(Warp &w, const Op *op) {
  const Uses *all = w.run->program->uses.data();
  while (op) {
    const Uses &uses = all[op - w.run->ops];
    if (uses.spread == Spread::simple) {
      const u32 *source = uses.source;
      const u32 known = known_lanes(w, source[0]) & known_lanes(w, source[1]) & known_lanes(w, source[2]);
      if (__builtin_expect(w.mask & ~known, 0)) spread_unknown(w, op, uses);
      else known_lanes(w, uses.destination) |= w.mask;
    } else if (uses.spread == Spread::general && !spread_general(w, op, uses)) {
      return;
    }
    op = op->run(w, op);
  }
}

// A finding may be the last that is to be reported: the launch then stops behind its operation.
void execute_raced(Warp &w, const Op *op) {
  const Run &run = *w.run;
  while (op && !run.stop.stopped) op = op->run(w, op);
}

void execute(Warp &w, const Op *op, Watch watch) {
  for (; op; op = w.run->stop.stopped ? go_on(w) : nullptr) {
    if (watch == Watch::timing) execute_timed(w, op);
    else if (watch == Watch::tracking) execute_tracked(w, op);
    else if (watch == Watch::races) execute_raced(w, op);
    else execute_plain(w, op);
  }
}

const Executor kExecutor = {bind, execute, part};

}  // namespace

Handler plain_handler(uint16_t form, Watch watch) { return table().plain[size_t(watch)][form]; }

}  // namespace vgpu

#define VGPU_JOIN(a, b) a##b
#define VGPU_EXECUTOR(build) VGPU_JOIN(vgpu_executor_, build)
extern "C" const void *VGPU_EXECUTOR(VGPU_BUILD)() { return &vgpu::kExecutor; }
