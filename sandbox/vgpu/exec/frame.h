// Filling of frames. Compiled into every build of the interpreter and into the machine around them.
#pragma once

#include "run.h"

namespace vgpu {

// Fills the slots that a function reads before writing them: constants, special registers, poison.
void prepare_frame(const Run &, const Warp &, const FunctionCode &, char *frame);

// The same for the entry function of a warp that has run another block before: only what differs by block.
void prepare_block(const Run &, const Warp &, const FunctionCode &);

}  // namespace vgpu
