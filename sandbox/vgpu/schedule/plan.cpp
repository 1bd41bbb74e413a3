#include "plan.h"

#include <algorithm>

#include "../isa/isa.h"

namespace vgpu {
namespace {

constexpr uint64_t kCallFrameBytes = 512 << 10;  // at least, for a warp's nested calls, if functions are called at all
constexpr uint64_t kCallLocalBytes = 16384;
constexpr uint64_t kLiveBytes = uint64_t(8) << 30;  // of the host, for all blocks under way if each uses all it may

Watch watch_for(const Options &options) {
  if (options.check_races) return Watch::races;
  if (options.track_uninitialised) return Watch::tracking;
  if (options.scoreboard || options.caches) return Watch::timing;
  return options.counters || options.lines ? Watch::counters : Watch::nothing;
}

bool can_run_in_parallel(const Program &program, const Launch &launch, const Options &options) {
  const bool watched =
      options.track_uninitialised || options.check_races || options.max_faults > 1 || options.scoreboard ||
      options.caches;
  const bool any_order = options.order == 0 && !launch.cooperative;
  return options.threads > 1 && !watched && any_order && !program.communicates && launch.grid.count() > 1;
}

// Cycles until the result of each form is there; 0 for what is not an instruction. Memory forms report their own.
std::vector<uint32_t> latencies_of(const Timing &t) {
  std::vector<uint32_t> cycles(form_count);
  for (uint16_t form = 0; form < form_count; ++form) {
    switch (form_row(form).cls) {
      case Class::fp64: cycles[form] = t.fp64; break;
      case Class::special: cycles[form] = t.special; break;
      case Class::shared_load: case Class::shared_store: case Class::shared_atomic: cycles[form] = t.shared; break;
      case Class::global_load: cycles[form] = t.l1_hit; break;
      case Class::local_load: case Class::local_store: cycles[form] = t.l1_hit; break;
      case Class::global_atomic: cycles[form] = t.atomic; break;
      case Class::shuffle: case Class::vote: cycles[form] = t.shuffle; break;
      case Class::constant_load: cycles[form] = t.constant; break;
      case Class::matrix: cycles[form] = t.matrix; break;
      default: cycles[form] = t.alu; break;
    }
    // A long expansion issues for as many cycles as it has instructions; of matrices, slots are cycles of their unit.
    if (form_row(form).slots > 1 && form_row(form).cls != Class::matrix) cycles[form] += form_row(form).slots - 1;
  }
  for (const uint16_t form : {form_enter_block, form_guard, form_unguard}) cycles[form] = 0;
  return cycles;
}

std::vector<Op> bind_operations(const Program &program, const Executor &executor, Watch watch, bool plain) {
  std::vector<Op> ops = program.ops;
  executor.bind(ops.data(), ops.size(), watch, plain);
  return ops;
}

// Numbers the basic blocks, and adds up what each keeps busy.
std::vector<UnitSlots> number_blocks(std::vector<Op> &ops) {
  std::vector<UnitSlots> blocks;
  for (Op &op : ops) {
    const Form &form = form_row(op.form);
    if (op.form == form_enter_block) op.v[1] = uint32_t(blocks.size()), blocks.emplace_back();
    const bool own = op.form != form_enter_block && op.form != form_guard && op.form != form_unguard;
    if (blocks.empty() || !own || (op.flags & kHelper)) continue;
    uint64_t *slots = blocks.back().slots;
    slots[UnitSlots::kAll] += form.slots;
    for (uint32_t i = 0; i < UnitSlots::kUnits; ++i) slots[i] += form.cls == UnitSlots::kClasses[i] ? form.slots : 0;
  }
  return blocks;
}

uint64_t frame_bytes_of(const Program &program) {
  uint64_t bytes = program.functions[0].frame_bytes, callees = 0;
  for (const FunctionCode &code : program.functions) callees += code.frame_bytes;
  if (program.has_calls) bytes += std::max(callees, kCallFrameBytes);
  return (bytes + 127) / 128 * 128;
}

uint64_t local_stride_of(const Program &program) {
  return (program.functions[0].local_bytes + (program.has_calls ? kCallLocalBytes : 0) + 15) / 16 * 16;
}

uint64_t shared_bytes_of(const Program &program, const Launch &launch) {
  return launch.dynamic_shared_bytes ? program.dynamic_shared_offset + launch.dynamic_shared_bytes
                                     : program.static_shared_bytes;
}

// The same with guard bands.
uint64_t guarded_shared_bytes(const Program &program, const Launch &launch) {
  return launch.dynamic_shared_bytes ? uint64_t(program.dynamic_shared_start) + launch.dynamic_shared_bytes
                                     : program.shared_end;
}

std::vector<Extent> shared_extents_of(const Program &program, const Launch &launch) {
  const uint64_t end = guarded_shared_bytes(program, launch);
  std::vector<Extent> extents;
  for (const SharedVariable &each : program.shared)
    extents.push_back({each.offset, std::min<uint64_t>(uint64_t(each.offset) + each.bytes, end), true});
  if (launch.dynamic_shared_bytes) extents.push_back({program.dynamic_shared_start, end, true});
  return extents;
}

// Of the host, for one block whose warps use all of their stacks.
uint64_t live_bytes_of(const Program &program, uint64_t warps, uint64_t shared) {
  return warps * (frame_bytes_of(program) + kWarpLanes * local_stride_of(program) + kJoins * sizeof(Join)) + shared;
}

}  // namespace

uint64_t resident_blocks(const Program &program, const Launch &launch, const Limits &limits) {
  const uint64_t warps = (launch.block.count() + kWarpLanes - 1) / kWarpLanes;
  const uint64_t shared = std::max<uint64_t>(shared_bytes_of(program, launch), 1);
  const uint64_t most = std::min({uint64_t(limits.blocks_per_sm), limits.threads_per_sm / (warps * kWarpLanes),
                                  std::max<uint64_t>(limits.shared_bytes_per_sm / shared, 1)});
  return std::min(most * limits.sms, kLiveBytes / live_bytes_of(program, warps, guarded_shared_bytes(program, launch)));
}

Plan::Plan(const LaunchContext &given, const Program &code, const Launch &what, const Options &how)
    : context(given),
      program(code),
      launch(what),
      options(how),
      executor(best_executor()),
      parallel(can_run_in_parallel(code, what, how)),
      watch(parallel ? Watch::claims : watch_for(how)),
      ops(bind_operations(code, executor, watch, how.plain)),
      latencies(latencies_of(how.timing)),
      unit_slots(number_blocks(ops)),
      threads(uint32_t(what.block.count())),
      warps((threads + kWarpLanes - 1) / kWarpLanes),
      frame_bytes(frame_bytes_of(code)),
      local_stride(local_stride_of(code)),
      device_shared_bytes(shared_bytes_of(code, what)),
      shared_bytes(guarded_shared_bytes(code, what)),
      shared_extents(shared_extents_of(code, what)),
      resident(std::max<uint64_t>(resident_blocks(code, what, given.limits), 1)) {}

}  // namespace vgpu
