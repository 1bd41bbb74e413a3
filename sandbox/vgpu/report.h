// From what the interpreter recorded to what the caller reads: faults in words, counts by class, counts by line.
#pragma once

#include "launch.h"

namespace vgpu {

// The words of a fault of the running block.
Fault describe_fault(const LaunchContext &, const Run &, const Stop &);
// The other party of a race.
Party describe_party(const LaunchContext &, const Run &, const OtherParty &);
void add_counts(const Program &, const Run &, const std::vector<OpCounts> &, LaunchReport &, bool lines,
                const LoadedModule &);

}  // namespace vgpu
