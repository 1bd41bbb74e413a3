#pragma once

#include "lanes.h"

namespace vgpu {

// Before an operation that is executed lane by lane: what becomes known or unknown in the active lanes.
void spread_unknown(Warp &, const Op *, const Uses &);

}  // namespace vgpu
