// alloca, stacksave and stackrestore: where a function's dynamic stack is, and the hidden register that says how much
// of it is in use.
#pragma once

#include "select.h"

namespace vgpu {

constexpr uint32_t kStackBytes = 8192;       // of one activation of a function that calls alloca

bool is_stack_instruction(std::string_view base);
// Reserves the stack of a function that uses one; its first operation makes it empty.
void reserve_stack(DraftFunction &);
void select_stack(const Selection &, const ptx::Instruction &);

}  // namespace vgpu
