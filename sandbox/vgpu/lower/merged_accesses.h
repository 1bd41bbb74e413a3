// Finds the loads and stores of shared memory that the assembler makes one wider access of.
#pragma once

#include "flow.h"
#include "operands.h"

namespace vgpu {

// Marks the accesses of every block. Needs the drafts with virtual registers. What lies beside what is asked of the
// layout: variables are neighbours on the device, and apart in the machine.
void mark_merged_accesses(DraftFunction &, const Flow &, const SharedLayout &);

}  // namespace vgpu
