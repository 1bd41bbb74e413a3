// Finds loops that may wait for another thread.
#pragma once

#include <functional>

#include "flow.h"

namespace vgpu {

// Whether the function that a call reaches reads what other threads may write.
using CalleeWaits = std::function<bool(const Draft &)>;

bool synchronises(const ptx::Function &);

// For the head of each loop that may wait: the instructions of the loop. For every other block: 0.
std::vector<uint32_t> find_waiting_loops(const DraftFunction &, const Flow &, const CalleeWaits &);

}  // namespace vgpu
