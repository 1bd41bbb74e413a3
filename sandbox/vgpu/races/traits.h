// What the text of a kernel says about ordering: traits of each operation (exec/race_view.h), and the smallest pieces
// in which it touches shared and global memory.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#memory-consistency-model
#pragma once

#include <vector>

#include "../exec/race_view.h"

namespace vgpu {

struct RaceTraits {
  RaceTraits(const Program &, bool closely);
  std::vector<uint16_t> of;              // each operation
  uint32_t shared_shift = 4, global_shift = 4;     // log2 of the bytes of a granule
};

}  // namespace vgpu
