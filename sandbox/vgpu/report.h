// From what the interpreter recorded to what the caller reads: faults in words, counts by class, counts by line.
#pragma once

#include "launch.h"

namespace vgpu {

Fault describe_fault(const LaunchContext &, const Run &);
void add_counts(const Program &, const Run &, const std::vector<OpCounts> &, LaunchReport &, bool lines,
                const LoadedModule &);

}  // namespace vgpu
