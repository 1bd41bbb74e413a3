// One operation at several places: lanes that wait at a shfl, vote, match, redux or elect meet those that execute the
// same one elsewhere in the program, as the manual has it ("the same instruction with the same qualifiers and the same
// member mask"). Its places have registers of their own, so the lanes from elsewhere lend theirs and get the result.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-shfl-sync
#pragma once

#include "control.h"

namespace vgpu {

// Lanes that those of the current path name, that live, and that are not in it.
u32 missing_lanes(const Warp &, const Op &);

// Whether lanes at `a` and lanes at `b` may execute together although these are two places.
bool may_meet(const Op &a, const Op &b);

// Runs the handler of `op` for the current path and its partners, wherever these wait; `next` is what it returns.
// False: the partners name lanes that are still missing, and nothing was done.
bool run_together(Warp &, const Op *op, const Op *&next);

}  // namespace vgpu
