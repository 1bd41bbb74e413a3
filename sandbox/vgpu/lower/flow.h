// Control flow of a function: basic blocks, reconvergence points, live registers.
#pragma once

#include "draft.h"

namespace vgpu {

struct Block {
  uint32_t first, last;                    // drafts, inclusive
  std::vector<uint32_t> successors;        // blocks
  bool returns = false;                    // ends the function for the lanes that reach its end
  uint32_t reconverge = kNone;             // block in which the lanes that leave it differently meet again
};

struct Flow {
  std::vector<Block> blocks;
  std::vector<uint32_t> block_of;          // of each draft
};

bool ends_block(uint16_t form);
Flow find_blocks(const DraftFunction &);
void find_reconvergence(Flow &);

// Registers whose value may be read before the block writes it.
std::vector<std::vector<uint64_t>> find_live_in(const DraftFunction &, const Flow &);

}  // namespace vgpu
