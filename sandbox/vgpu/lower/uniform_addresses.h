// Finds updates of shared memory whose lanes surely agree on the word.
#pragma once

#include "draft.h"

namespace vgpu {

// Gives kUniformAddress to the atomics whose address is computed from nothing that differs between the lanes of a warp.
void mark_uniform_addresses(DraftFunction &);

}  // namespace vgpu
