// One build of the interpreter: the table of its handlers and the loop that runs them.
#include "../observe/scoreboard.h"
#include "builds.h"
#include "control.h"
#include "table.h"
#include "tracking.h"

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

// Of `and` and `or` of predicates: lanes in which both are known, or one that decides.
u32 known_logic(const Warp &w, const Op *op) {
  const u32 decides = op->form == form_and_pred ? kAllLanes : 0;        // what, flipped, is the deciding value
  const u32 a = known_lanes(w, op->a), b = known_lanes(w, op->b);
  return (a & b) | (a & (predicate_at(w, op->a) ^ decides)) | (b & (predicate_at(w, op->b) ^ decides));
}

// Known lanes of the result: those in which every source is known; of a select, those in which the chosen one is.
u32 known_result(const Warp &w, const Op *op, const Uses &uses) {
  if (op->form == form_and_pred || op->form == form_or_pred) return known_logic(w, op);
  if (op->form == form_selp_b32 || op->form == form_selp_b64) {
    const u32 chosen = predicate_at(w, op->c) ^ (op->flags & kNegate ? kAllLanes : 0);
    return known_lanes(w, op->c) & ((chosen & known_lanes(w, op->a)) | (~chosen & known_lanes(w, op->b)));
  }
  const u32 *source = w.run->program->operands.data() + uses.first;
  u32 known = kAllLanes;
  for (u32 i = 0; i < uses.sources; ++i) known &= known_lanes(w, source[i]);
  return known;
}

inline void learn(const Warp &w, u32 destination, u32 known) {
  u32 &cell = known_lanes(w, destination);
  cell = (cell & ~w.mask) | (known & w.mask);
}

// Spreads what is known through an operation that is not simple. False: it would decide by an unknown value.
bool spread_general(Warp &w, const Op *op, const Uses &uses) {
  if (const u32 unknown = unknown_decision(w, op)) {
    stop_at(w, op, FaultKind::uninitialised_branch, first_lane(unknown));
    return false;
  }
  if (uses.destinations == 0) return true;
  const u32 known = known_result(w, op, uses);
  const u32 *destination = w.run->program->operands.data() + uses.first + uses.sources;
  for (u32 i = 0; i < uses.destinations; ++i) learn(w, destination[i], known);
  return true;
}

void execute_tracked(Warp &w, const Op *op) {
  const Uses *all = w.run->program->uses.data();
  while (op) {
    const Uses &uses = all[op - w.run->ops];
    if (uses.spread == Spread::simple) {
      const u32 *source = uses.source;
      learn(w, uses.destination, known_lanes(w, source[0]) & known_lanes(w, source[1]) & known_lanes(w, source[2]));
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
  if (watch == Watch::timing) return execute_timed(w, op);
  if (watch == Watch::tracking) return execute_tracked(w, op);
  if (watch == Watch::races) return execute_raced(w, op);
  execute_plain(w, op);
}

const Executor kExecutor = {bind, execute, part};

}  // namespace

Handler plain_handler(uint16_t form, Watch watch) { return table().plain[size_t(watch)][form]; }

}  // namespace vgpu

#define VGPU_JOIN(a, b) a##b
#define VGPU_EXECUTOR(build) VGPU_JOIN(vgpu_executor_, build)
extern "C" const void *VGPU_EXECUTOR(VGPU_BUILD)() { return &vgpu::kExecutor; }
