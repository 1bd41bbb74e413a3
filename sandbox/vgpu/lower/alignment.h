// How many low bits of every register are zero whatever the launch.
#pragma once

#include "draft.h"

namespace vgpu {

constexpr uint8_t kAllZero = 64;         // of the constant 0

// By virtual register; 0 where nothing is known. What the assembler knows of parameters and of special registers is
// nothing either.
std::vector<uint8_t> find_known_zeros(const DraftFunction &);

}  // namespace vgpu
