// Runs the blocks of a launch on several host threads.
//
// The grid is cut into parts that do not depend on the number of threads; threads take them in order. Counts are added
// in the order of blocks, and of several faults the one of the lowest block is reported, so the report is the same as
// that of one thread. That holds as long as no part touches memory that another writes: this is checked
// (memory/claims.h), and where it fails the report says that only one thread can tell the outcome.
#pragma once

#include "worker.h"

namespace vgpu {

struct Outcome { Worker::Harvest harvest; bool needs_one_thread; };

Outcome run_in_parallel(const Plan &, Budget);

}  // namespace vgpu
