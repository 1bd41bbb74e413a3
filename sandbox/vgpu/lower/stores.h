// Finds the parameters that the addresses of an entry's stores are computed from.
#pragma once

#include "draft.h"

namespace vgpu {

// Follows registers through every operation but loads, whatever the order: what it finds is a guess that is mostly
// right. Offsets are of parameters of 8 bytes.
Stores find_stores(const DraftFunction &entry);

}  // namespace vgpu
