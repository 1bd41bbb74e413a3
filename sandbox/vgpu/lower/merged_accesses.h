// Finds the loads and stores of shared memory that the assembler makes one wider access of.
#pragma once

#include "flow.h"

namespace vgpu {

// Marks the accesses of every block. Needs the drafts with virtual registers.
void mark_merged_accesses(DraftFunction &, const Flow &);

}  // namespace vgpu
