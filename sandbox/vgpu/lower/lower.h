// Tree -> Program: one kernel with every function it reaches.
#pragma once

#include "image.h"
#include "program.h"

namespace vgpu {

Program lower(const ptx::Module &, const Image &, uint32_t kernel);

}  // namespace vgpu
