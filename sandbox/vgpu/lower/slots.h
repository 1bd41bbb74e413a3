// Gives every virtual register its place in the frame.
#pragma once

#include "flow.h"

namespace vgpu {

// Fills VirtualRegister::offset and the frame fields, preloads and poisoned slots of `code`. Registers whose lives do
// not overlap share a slot; life times are per thread, and every write is masked, so sharing is right under divergence
// too.
void assign_slots(DraftFunction &, const Flow &, FunctionCode &code);

}  // namespace vgpu
