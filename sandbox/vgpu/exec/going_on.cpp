#include "going_on.h"

#include "tracking.h"

namespace vgpu {
namespace {

// Matrix operations need every lane: they happen with all of them or not at all.
bool needs_whole_warp(uint16_t form) { return form >= form_mma_k16_f32_f16 && form <= form_stmatrix; }

// Elements of loads that are narrower than their slot: zeros or copies of the sign above them.
u32 narrow_poison(u32 poison, const Op *op) {
  const ElementType type = types_of(op->form).d;
  if (type.bytes == 1) return type.is_signed ? u32(s32(s8(poison))) : u8(poison);
  if (type.bytes == 2) return type.is_signed ? u32(s32(s16(poison))) : u16(poison);
  return poison;
}

void poison_lanes(const Warp &w, const Op *op, u32 slot, u32 bytes, u32 lanes) {
  const u32 poison = w.run->poison;
  if (bytes == 1) predicate_at(w, slot) = (predicate_at(w, slot) & ~lanes) | (poison & lanes);
  for (u32 rest = bytes == 1 ? 0 : lanes; rest; rest &= rest - 1) {
    const u32 lane = first_lane(rest);
    if (bytes == 8) lanes_at<u64>(w, slot)[lane] = u64(poison) << 32 | poison;
    else lanes_at<u32>(w, slot)[lane] = narrow_poison(poison, op);
  }
  if (w.known) known_lanes(w, slot) |= lanes;
}

// A branch or guard by a predicate that nobody wrote goes as the poison says.
const Op *decide_anyway(Warp &w, const Op *op, u32 all) {
  const u32 lanes = w.lost;
  w.mask = all;
  w.lost = 0;
  known_lanes(w, op->a) |= lanes;
  return op->run(w, op);
}

// Lanes that others name are missing for good: those that are here execute the operation without them.
const Op *run_without_absent(Warp &w, const Op *op) {
  if (!w.mask) return op + 1;
  if (needs_whole_warp(op->form)) {
    w.lost |= w.mask;
    return op + 1;
  }
  w.forgives = true;
  const Op *next = op->run(w, op);
  w.forgives = false;
  return next;
}

const Op *run_again(Warp &w, const Op *op) {
  const FaultKind kind = w.run->stop.kind;
  if (!survive(w)) return nullptr;
  if (kind == FaultKind::absent_lane) return run_without_absent(w, op);
  if (kind == FaultKind::uninitialised_address && needs_whole_warp(op->form)) {
    w.lost |= w.mask;
    w.mask = 0;
  }
  return w.mask ? op->run(w, op) : op + 1;
}

}  // namespace

bool survive(Warp &w) {
  if (!is_survivable(w)) return false;
  Run &run = *w.run;
  Finding finding;
  finding.stop = run.stop;
  const bool absent = finding.stop.kind == FaultKind::absent_lane && finding.stop.absent;
  const u32 named = finding.stop.lanes ? finding.stop.lanes : 1u << finding.stop.lane;
  finding.count = count_lanes(absent ? w.mask : named);
  run.stop = Stop();
  run.finding_call(run, finding);
  if (run.stop.stopped) return false;
  const u32 lanes = absent ? 0 : named;
  w.lost |= lanes;
  w.mask &= ~lanes;
  return true;
}

void settle_lost(Warp &w, const Op *op) {
  const Program &program = *w.run->program;
  const Uses &uses = program.uses[size_t(op - w.run->ops)];
  for (u32 i = uses.first + uses.sources; i < uses.first + uses.sources + uses.destinations; ++i)
    poison_lanes(w, op, program.operands[i], program.operand_bytes[i], w.lost);
  w.lost = 0;
}

const Op *go_on(Warp &w) {
  const Op *next = nullptr;
  while (!next && is_survivable(w)) {
    const Op *op = w.run->stop.op;
    const u32 all = w.mask;
    if (w.run->stop.kind == FaultKind::uninitialised_branch) {
      if (!survive(w)) return nullptr;
      next = decide_anyway(w, op, all);
      if (!next && !w.run->stop.stopped) return nullptr;
      continue;
    }
    do next = run_again(w, op);
    while (!next && is_survivable(w) && w.run->stop.op == op);
    if (w.run->stop.stopped) return nullptr;
    w.mask = all;
    if (w.lost) settle_lost(w, op);
  }
  return next;
}

}  // namespace vgpu
