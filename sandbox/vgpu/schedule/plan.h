// What is the same for every block of a launch: operations bound to their handlers, sizes of what a block needs.
#pragma once

#include "../exec/executor.h"
#include "../launch.h"
#include "../observe/scoreboard.h"

namespace vgpu {

struct Plan {
  Plan(const LaunchContext &, const Program &, const Launch &, const Options &);

  const LaunchContext &context;
  const Program &program;
  const Launch &launch;
  const Options &options;
  const Executor &executor;
  bool parallel;                       // blocks run on several threads
  Watch watch;
  std::vector<Op> ops;
  std::vector<uint32_t> latencies;     // of each form, in cycles
  std::vector<UnitSlots> unit_slots;   // of each basic block (Run::unit_slots)
  uint32_t threads, warps;             // of a block
  uint64_t frame_bytes;                // of a warp, with room for calls
  uint64_t local_stride;               // bytes of local memory of a thread
  uint64_t device_shared_bytes;        // of a block, and with guard bands between the variables
  uint64_t shared_bytes;
  std::vector<Extent> shared_extents;
  uint64_t resident;                   // blocks that can be live at once
  bool outside_sample = false;         // of blocks outside the sample: they are not timed, and pass through L2 only
};

// Blocks that fit on the device at once, as far as threads and shared memory decide it.
uint64_t resident_blocks(const Program &, const Launch &, const Limits &);

}  // namespace vgpu
