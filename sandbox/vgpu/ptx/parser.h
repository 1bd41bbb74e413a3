// PTX text -> tree. Collects every syntax error instead of stopping at the first.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "tree.h"

namespace vgpu::ptx {

// Returns null if `diagnostics` got an entry. An unknown opcode is not a syntax error.
std::unique_ptr<Module> parse(std::string_view text, std::vector<Diagnostic> &diagnostics);

}  // namespace vgpu::ptx
