// Finds loops that may wait for another thread.
#pragma once

#include "flow.h"

namespace vgpu {

// For the head of each loop that may wait: the instructions of the loop. For every other block: 0.
std::vector<uint32_t> find_waiting_loops(const DraftFunction &, const Flow &);

}  // namespace vgpu
