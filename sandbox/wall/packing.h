// Kernel arguments, packed into the parameter block that the kernel declares.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "run_request.h"

namespace wall {

// Converts each argument to the declared type: addresses and integers to the integer types, numbers to f32 and f64. An
// argument that does not fit is the plan's mistake and comes back as a sentence.
std::variant<std::vector<uint8_t>, std::string> pack(const vgpu::KernelInfo &, const std::vector<Argument> &,
                                                     const std::vector<uint64_t> &addresses);

}  // namespace wall
