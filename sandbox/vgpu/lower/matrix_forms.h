// What the opcode of a warp-level matrix instruction says beyond its form: signs, layouts, transposition, and the
// geometry of the fragment that wmma.load and wmma.store move (exec/wmma.cpp reads it).
#pragma once

#include "operands.h"

namespace vgpu {

// The opcode with its qualifiers in the manual's order: compilers and people write those of matrix instructions in
// others, which ptxas takes too. Opcodes of other instructions come back unchanged.
std::string manual_order(std::string_view opcode);

void decode_matrix(std::string_view opcode, Op &op);

// Throws UnsupportedForm where wmma.load or wmma.store lists another number of registers than its fragment has.
void require_fragment(std::string_view opcode, const std::vector<ptx::Operand> &operands, const Op &op);

}  // namespace vgpu
