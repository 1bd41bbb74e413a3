#include "sample.h"

#include <algorithm>

#include "order.h"

namespace vgpu {
namespace {

// The number in the grid of the block that is number `index` in the box.
uint64_t number_of(const Stratum &box, const Dim3 &grid, uint64_t index) {
  const uint64_t x = box.low.x + index % box.size.x;
  const uint64_t y = box.low.y + index / box.size.x % box.size.y;
  const uint64_t z = box.low.z + index / box.size.x / box.size.y;
  return (z * grid.y + y) * grid.x + x;
}

uint32_t all_but_last(uint32_t extent) { return extent > 1 ? extent - 1 : extent; }

}  // namespace

// The first and the last block are strata of their own, so that they are left out of the boxes that hold them.
void Sample::divide(const Dim3 &grid) {
  const Dim3 rest{all_but_last(grid.x), all_but_last(grid.y), all_but_last(grid.z)};
  const Dim3 last{grid.x - 1, grid.y - 1, grid.z - 1};
  strata_.push_back({{0, 0, 0}, {1, 1, 1}, 0, 1});
  if (grid.count() > 1) strata_.push_back({last, {1, 1, 1}, 0, 1});
  std::vector<Stratum> boxes{{{0, 0, 0}, rest, 0, rest.count()}};
  if (grid.x > 1) boxes.push_back({{last.x, 0, 0}, {1, grid.y, grid.z}, 0, uint64_t(grid.y) * grid.z});
  if (grid.y > 1) boxes.push_back({{0, last.y, 0}, {rest.x, 1, grid.z}, 0, uint64_t(rest.x) * grid.z});
  if (grid.z > 1) boxes.push_back({{0, 0, last.z}, {rest.x, rest.y, 1}, 0, uint64_t(rest.x) * rest.y});
  for (Stratum box : boxes) {
    if (number_of(box, grid, 0) == 0) box.skip = 1;
    if (number_of(box, grid, box.end - 1) + 1 == grid.count() && box.end > box.skip) --box.end;
    if (box.blocks() > 0) strata_.push_back(box);
  }
}

void Sample::draw(const Dim3 &grid, uint32_t stratum, uint64_t count, uint64_t seed) {
  const Stratum &box = strata_[stratum];
  Draws draws(seed ^ (uint64_t(stratum) + 1) * 0xd1342543de82ef95);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t begin = box.skip + box.blocks() * i / count, end = box.skip + box.blocks() * (i + 1) / count;
    blocks_.push_back({number_of(box, grid, begin + draws.below(end - begin)), stratum});
  }
}

Sample::Sample(const Dim3 &grid, uint32_t blocks, uint64_t seed) {
  divide(grid);
  const uint64_t all = grid.count();
  for (uint32_t i = 0; i < strata_.size(); ++i) {
    const uint64_t of_stratum = strata_[i].blocks();
    // In proportion, but enough of a thin stratum to see whether its blocks agree.
    const uint64_t wanted = std::max<uint64_t>(of_stratum * blocks / std::max<uint64_t>(all, 1), 4);
    draw(grid, i, std::min(of_stratum, wanted), seed);
  }
  std::sort(blocks_.begin(), blocks_.end(),
            [](const SampledBlock &a, const SampledBlock &b) { return a.number < b.number; });
}

}  // namespace vgpu
