// Which blocks of a launch are watched closely when not all are: a sample over the whole grid, drawn from a seed by a
// generator that is the same on every host.
//
// The grid is divided into strata whose blocks tend to do the same: its first block, its last, the last of every
// dimension (partial tiles), and the rest. Each stratum is cut into as many equal stretches as it gives blocks, and one
// block is drawn from each, so that what changes along the grid is seen in proportion.
#pragma once

#include <cstdint>
#include <vector>

#include "../machine.h"

namespace vgpu {

// A grid of fewer times the sample's blocks is not worth sampling.
constexpr uint64_t kLeastShare = 4;

// A box of the grid without its first `skip` blocks and without those from `end` on, in the order of block numbers.
struct Stratum {
  Dim3 low, size;
  uint64_t skip, end;
  uint64_t blocks() const { return end - skip; }
};

struct SampledBlock {
  uint64_t number;
  uint32_t stratum;
};

class Sample {
 public:
  // At least one block of each stratum, about `blocks` in all.
  Sample(const Dim3 &grid, uint32_t blocks, uint64_t seed);

  const std::vector<Stratum> &strata() const { return strata_; }
  const std::vector<SampledBlock> &blocks() const { return blocks_; }      // rising

 private:
  void divide(const Dim3 &grid);
  void draw(const Dim3 &grid, uint32_t stratum, uint64_t count, uint64_t seed);

  std::vector<Stratum> strata_;
  std::vector<SampledBlock> blocks_;
};

}  // namespace vgpu
