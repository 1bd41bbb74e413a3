// What a frame holds before a function's first instruction: constants, special registers, poison.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#special-registers
#include "frame.h"

#include "lanes.h"

namespace vgpu {
namespace {

struct Position { u32 x, y, z; };
Position position_in(const Dim3 &shape, u32 thread) {
  return {thread % shape.x, thread / shape.x % shape.y, thread / shape.x / shape.y};
}

// Values that are the same for all lanes.
u64 uniform_value(const Run &run, const Warp &w, const Preload &preload) {
  switch (preload.what) {
    case Special::constant: case Special::predicate: return preload.value;
    case Special::ntid_x: return run.block.x;
    case Special::ntid_y: return run.block.y;
    case Special::ntid_z: return run.block.z;
    case Special::ctaid_x: return run.block_index.x;
    case Special::ctaid_y: return run.block_index.y;
    case Special::ctaid_z: return run.block_index.z;
    case Special::nctaid_x: return run.grid.x;
    case Special::nctaid_y: return run.grid.y;
    case Special::nctaid_z: return run.grid.z;
    case Special::warpid: return w.id;
    case Special::nwarpid: return run.warps;
    case Special::smid: return run.block_number % run.sms;
    case Special::nsmid: return run.sms;
    case Special::gridid: return run.grid_id;
    case Special::dynamic_smem_size: return run.dynamic_shared_bytes;
    case Special::total_smem_size: return run.device_shared_bytes;
    case Special::one: return 1;
    case Special::workspace_low: return run.grid_workspace & 0xffffffff;
    case Special::workspace_high: return run.grid_workspace >> 32;
    case Special::local_base: return w.local_base + preload.value;
    case Special::dynamic_shared: return run.program->dynamic_shared_start + preload.value;
    default: return 0;
  }
}

u64 lane_value(const Run &run, const Warp &w, const Preload &preload, u32 lane) {
  const Position at = position_in(run.block, w.first_thread + lane);
  const u32 bit = 1u << lane;
  switch (preload.what) {
    case Special::tid_x: return at.x;
    case Special::tid_y: return at.y;
    case Special::tid_z: return at.z;
    case Special::laneid: return lane;
    case Special::lanemask_eq: return bit;
    case Special::lanemask_lt: return bit - 1;
    case Special::lanemask_le: return bit | (bit - 1);
    case Special::lanemask_gt: return ~(bit | (bit - 1));
    case Special::lanemask_ge: return ~(bit - 1);
    default: return uniform_value(run, w, preload);
  }
}

bool differs_by_lane(Special what) {
  return what == Special::laneid || (what >= Special::tid_x && what <= Special::tid_z) ||
         (what >= Special::lanemask_eq && what <= Special::lanemask_gt);
}

template <class T>
void fill_lanes(const Run &run, const Warp &w, const Preload &preload, char *slot) {
  T lanes[kWarpSize];
  if (differs_by_lane(preload.what)) {
    for (u32 i = 0; i < kWarpSize; ++i) lanes[i] = T(lane_value(run, w, preload, i));
  } else {
    const T value = T(uniform_value(run, w, preload));
    for (T &lane : lanes) lane = value;
  }
  std::memcpy(slot, lanes, sizeof lanes);
}

void fill(const Run &run, const Warp &w, const Preload &preload, char *frame) {
  char *slot = frame + preload.offset;
  if (preload.bytes == 1) {
    const u32 bits = u32(uniform_value(run, w, preload));
    std::memcpy(slot, &bits, 4);
    return;
  }
  if (preload.bytes == 8) fill_lanes<u64>(run, w, preload, slot);
  else fill_lanes<u32>(run, w, preload, slot);
}

bool differs_by_block(Special what) {
  return what == Special::ctaid_x || what == Special::ctaid_y || what == Special::ctaid_z || what == Special::smid;
}

// Nothing of the frame is known. Slots that are not among the poisoned ones are written before they are read.
void forget_frame(const Warp &w, const FunctionCode &code, const char *frame) {
  const u64 at = u64(frame - w.frames);
  std::memset(w.known + at / 4, 0, code.frame_bytes);
  for (const Stretch &each : code.poisoned) {
    std::memset(w.unknown + at + each.offset, 0xff, each.bytes);
    std::memset(w.origins + (at + each.offset) / 4, 0, 2 * each.bytes);
  }
}

void poison_slots(const Run &run, const FunctionCode &code, char *frame) {
  for (const Stretch &each : code.poisoned) {
    for (u32 i = 0; i < each.bytes; i += 4) std::memcpy(frame + each.offset + i, &run.poison, 4);
  }
}

}  // namespace

void prepare_frame(const Run &run, const Warp &w, const FunctionCode &code, char *frame) {
  if (w.known) {
    std::memset(w.unknown + (frame - w.frames), 0xff, code.frame_bytes);
    forget_frame(w, code, frame);
  }
  for (const Preload &each : code.preloads) {
    fill(run, w, each, frame);
    if (w.known) w.known[(frame - w.frames + each.offset) / 4] = kAllLanes;
  }
  poison_slots(run, code, frame);
}

void prepare_block(const Run &run, const Warp &w, const FunctionCode &code) {
  if (w.known) forget_frame(w, code, w.frames);
  for (const Preload &each : code.preloads) {
    if (w.known) w.known[each.offset / 4] = kAllLanes;
    if (differs_by_block(each.what)) fill(run, w, each, w.frames);
  }
  poison_slots(run, code, w.frames);
}

}  // namespace vgpu
