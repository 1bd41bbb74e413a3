// Which allocations a launch may write, as far as its kernel's text and its parameters tell (lower/stores.h).
#pragma once

#include "../launch.h"

namespace vgpu {

// By Arena::extents(). A guess that is wrong costs time, exactness of what watches, or asks for one thread; never a
// result.
std::vector<bool> find_written(const Program &, const Launch &, const std::vector<Extent> &);

}  // namespace vgpu
