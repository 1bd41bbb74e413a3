// Finds loops that may wait for another thread.
#pragma once

#include <functional>

#include "flow.h"

namespace vgpu {

// Whether the function that a call reaches reads what other threads may write.
using CalleeWaits = std::function<bool(const Draft &)>;

bool synchronises(const ptx::Function &);

// Of the loop that a block heads, if it may wait: its instructions (0: it does not head one), and whether what it reads
// may be in global memory, where other blocks write.
struct WaitingLoop {
  uint32_t instructions = 0;
  bool for_blocks = false;
};

// One for each block.
std::vector<WaitingLoop> find_waiting_loops(const DraftFunction &, const Flow &, const CalleeWaits &);

}  // namespace vgpu
