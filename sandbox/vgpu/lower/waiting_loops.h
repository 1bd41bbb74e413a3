// Finds loops that may wait for another thread, and those that take work from a counter.
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

// Gives the atomics that add to a word outside shared memory kDealsWork where they are in a loop that ends by what they
// give back, directly or by way of shared memory: so a block takes its work from a queue, while one that asks where to
// write does not. In a function that is called all have it: the loop may be the caller's. Finding too many costs time.
void mark_queues(DraftFunction &, const Flow &, bool is_called);

}  // namespace vgpu
