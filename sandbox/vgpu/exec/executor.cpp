// One build of the interpreter: the table of its handlers and the loop that runs them.
#include "../observe/scoreboard.h"
#include "builds.h"
#include "table.h"
#include "tracking.h"

namespace vgpu {

namespace {

struct Table {
  HandlerTable handlers = {};
  Table() {
    add_integer(handlers);
    add_floating(handlers);
    add_half(handlers);
    add_convert(handlers);
    add_memory(handlers);
    add_atomics(handlers);
    add_vector_atomics(handlers);
    add_stack(handlers);
    add_control(handlers);
    add_warp_operations(handlers);
    add_async(handlers);
    add_matrix(handlers);
  }
};

Handler handler(uint16_t form, Watch watch) {
  static const Table table;
  return table.handlers[size_t(watch)][form];
}

// The operands of an operation, as frame offsets.
struct Operands { const u32 *source, *destination; u32 sources, destinations; };
Operands operands_of(const Warp &w, const Op *op) {
  const Program &program = *w.run->program;
  const Origin &origin = program.origins[size_t(op - w.run->ops)];
  const u32 *first = program.operands.data() + origin.first_operand;
  return {first, first + origin.sources, origin.sources, origin.destinations};
}

void execute_plain(Warp &w, const Op *op) {
  while (op) op = op->run(w, op);
}

void execute_timed(Warp &w, const Op *op) {
  Run &run = *w.run;
  const Program &program = *run.program;
  while (op) {
    run.latency = run.latencies[op->form];
    const Op *next = op->run(w, op);
    if (run.latency != 0) {
      const Origin &origin = program.origins[size_t(op - run.ops)];
      const u32 *units = program.units.data() + origin.first_operand;
      run.scoreboard->issue(w.id, units, origin.sources, units + origin.sources, origin.destinations, run.latency);
    }
    op = next;
  }
}

// Known lanes of the result: those in which every source is known; of a select, those in which the chosen one is.
u32 known_result(const Warp &w, const Op *op, const Operands &used) {
  if (op->form == form_selp_b32 || op->form == form_selp_b64) {
    const u32 chosen = predicate_at(w, op->c) ^ (op->flags & kNegate ? kAllLanes : 0);
    return known_lanes(w, op->c) & ((chosen & known_lanes(w, op->a)) | (~chosen & known_lanes(w, op->b)));
  }
  u32 known = kAllLanes;
  for (u32 i = 0; i < used.sources; ++i) known &= known_lanes(w, used.source[i]);
  return known;
}

// Whether the operation decides where to go, or whether to touch memory, by a predicate that is not known.
u32 unknown_decision(const Warp &w, const Op *op) {
  const bool branches = op->form == form_bra_if || op->form == form_ret_if || op->form == form_exit_if;
  const bool guards = op->form == form_guard && (op->flags & kGuardsMemory);
  return branches || guards || op->form == form_brx_idx ? w.mask & ~known_lanes(w, op->a) : 0;
}

void execute_tracked(Warp &w, const Op *op) {
  while (op) {
    if (const u32 unknown = unknown_decision(w, op)) {
      stop_at(w, op, FaultKind::uninitialised_branch, first_lane(unknown));
      return;
    }
    const Operands used = operands_of(w, op);
    const u32 known = used.destinations ? known_result(w, op, used) : 0;
    for (u32 i = 0; i < used.destinations; ++i) {
      u32 &cell = known_lanes(w, used.destination[i]);
      cell = (cell & ~w.mask) | (known & w.mask);
    }
    op = op->run(w, op);
  }
}

void execute(Warp &w, const Op *op, Watch watch) {
  if (watch == Watch::timing) return execute_timed(w, op);
  if (watch == Watch::tracking) return execute_tracked(w, op);
  execute_plain(w, op);
}

const Executor kExecutor = {handler, execute};

}  // namespace

}  // namespace vgpu

#define VGPU_JOIN(a, b) a##b
#define VGPU_EXECUTOR(build) VGPU_JOIN(vgpu_executor_, build)
extern "C" const void *VGPU_EXECUTOR(VGPU_BUILD)() { return &vgpu::kExecutor; }
