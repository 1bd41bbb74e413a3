// 128-bit registers and 256-bit accesses, taken apart into what the interpreter has: a .b128 register is two of 64
// bits, ld.v8.b32 a load of four times 64 bits whose results are unpacked.
#pragma once

#include "select.h"

namespace vgpu {

// Gives every .b128 register of the text a second register for its upper half.
void split_wide_registers(DraftFunction &);
// True where the instruction works on .b128 or has eight elements; then its drafts are in the function.
bool select_wide(const Selection &, const ptx::Instruction &);

}  // namespace vgpu
