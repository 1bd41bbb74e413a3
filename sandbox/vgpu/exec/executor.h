// Chooses the build of the interpreter that this processor runs fastest. All builds give the same results.
#pragma once

#include "run.h"

namespace vgpu {

const Executor &best_executor();

}  // namespace vgpu
