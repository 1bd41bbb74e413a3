// .param variables inside functions: arguments and results of calls. They are words of the frame, one 4-byte lane each,
// so `ld.param` and `st.param` become moves, packs and byte extractions.
#pragma once

#include "../isa/isa.h"
#include "operands.h"

namespace vgpu {

std::vector<Draft> frame_param_access(const Scope &, FormFinder &, const ptx::Instruction &);

// The first word of a .param variable of this function. Throws UnsupportedForm where the variable is of another space.
uint32_t first_word(const DraftFunction &, uint32_t variable);

// Words of a parameter list, in order; each parameter starts on a word of its own.
uint32_t words_of(const ptx::Variable &);

}  // namespace vgpu
