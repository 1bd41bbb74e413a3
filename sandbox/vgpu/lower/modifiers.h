// Reads the modifiers of an opcode into an Op: rounding, .ftz and the like, comparison, and `kind`, whose meaning
// depends on the instruction (atomic operation, shuffle mode, ...).
#pragma once

#include <string_view>

#include "program.h"

namespace vgpu {

void decode_modifiers(std::string_view opcode, Op &);

// The i-th dot-separated token, empty beyond the last.
std::string_view token_at(std::string_view opcode, size_t i);
bool has_token(std::string_view opcode, std::string_view token);

}  // namespace vgpu
