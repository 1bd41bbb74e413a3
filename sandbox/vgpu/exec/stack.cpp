// Handlers of isa/stack.def. A function that calls alloca has kStackBytes of local memory behind its variables; how
// much of it each lane uses is a hidden register (lower/stack.cpp), which alloca reads and writes as operand b and
// v[0].
// https://docs.nvidia.com/cuda/parallel-thread-execution/#stack-manipulation-instructions
#include "table.h"

namespace vgpu {
namespace {

// op->kind: log2 of the alignment; op->offset: bytes of the stack; c: its address in local memory.
const Op *stack_alloca(Warp &w, const Op *op) {
  const u64 *bytes = lanes_at<u64>(w, op->a), *used = lanes_at<u64>(w, op->b), *base = lanes_at<u64>(w, op->c);
  const u64 most = u64(op->offset), align = u64(1) << op->kind;
  u64 start[kWarpSize], end[kWarpSize];
  for (u32 i = 0; i < kWarpSize; ++i) {
    start[i] = ((base[i] + used[i] + align - 1) & ~(align - 1)) - base[i];
    end[i] = start[i] + bytes[i];
  }
  const u32 beyond = w.mask & lanes_where([&](u32 i) { return bytes[i] > most || end[i] > most; });
  if (beyond) return stop_at(w, op, FaultKind::stack_overflow, first_lane(beyond), "alloca");
  write_lanes<u64>(w, op->d, [&](u32 i) { return base[i] + start[i]; });
  write_lanes<u64>(w, op->v[0], [&](u32 i) { return end[i]; });
  return op + 1;
}
// d = c + b; stackrestore: d = a - c
const Op *stacksave(Warp &w, const Op *op) {
  const u64 *used = lanes_at<u64>(w, op->b), *base = lanes_at<u64>(w, op->c);
  write_lanes<u64>(w, op->d, [=](u32 i) { return base[i] + used[i]; });
  return op + 1;
}
const Op *stackrestore(Warp &w, const Op *op) {
  const u64 *saved = lanes_at<u64>(w, op->a), *base = lanes_at<u64>(w, op->c);
  const u64 most = u64(op->offset);
  const u32 beyond = w.mask & lanes_where([&](u32 i) { return saved[i] - base[i] > most; });
  if (beyond) return stop_at(w, op, FaultKind::stack_overflow, first_lane(beyond), "stackrestore");
  write_lanes<u64>(w, op->v[0], [=](u32 i) { return saved[i] - base[i]; });
  return op + 1;
}

}  // namespace

void add_stack(HandlerTable &table) {
#define PLAIN TABLE_ROW
#include "../isa/stack.def"
#undef PLAIN
}

}  // namespace vgpu
