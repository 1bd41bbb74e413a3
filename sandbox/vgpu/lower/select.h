// One PTX instruction -> draft operations.
#pragma once

#include "../isa/isa.h"
#include "operands.h"

namespace vgpu {

class CallTable;

struct Selection {
  const Scope &scope;
  FormFinder &forms;
  CallTable &calls;
  Program &program;
};

// Appends the operation `form` on `operands`, with the modifiers of `opcode`, as part of `instruction`.
void select_form(const Selection &, uint16_t form, std::vector<ptx::Operand> operands, const ptx::Instruction &,
                 std::string_view opcode);

// True for ld and st in parameter space; then its operations are appended.
bool select_param(const Selection &, const ptx::Instruction &);

// Appends the operations of `instruction` to the scope's function. What is not executed becomes `unsupported`.
void select_instruction(const Selection &, const ptx::Instruction &);

}  // namespace vgpu
