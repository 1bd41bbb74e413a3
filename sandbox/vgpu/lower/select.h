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

// Appends the operations of `instruction` to the scope's function. What is not executed becomes `unsupported`.
void select_instruction(const Selection &, const ptx::Instruction &);

}  // namespace vgpu
