#pragma once

#include "lanes.h"

namespace vgpu {

// Before an operation that is executed lane by lane: what becomes known or unknown in the active lanes.
void spread_unknown(Warp &, const Op *, const Uses &);

// Behind a guard, in the lanes that doubt whether the operation happens: its results may be the old values or the new.
void lose_results(Warp &, const Op *);

}  // namespace vgpu
