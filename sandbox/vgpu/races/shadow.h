// The cells of memory (exec/race_view.h). Those of global memory stay with the machine from launch to launch, because
// fresh memory costs more than the checks: epochs only rise, so what an earlier launch left is old, not wrong. They are
// made for allocations that a kernel writes, and granules only where lanes touch memory in pieces.
#pragma once

#include <map>
#include <memory>

#include "../exec/race_view.h"
#include "../memory/arena.h"

namespace vgpu {

// `count` cells of each kind.
class RaceCellPages {
 public:
  explicit RaceCellPages(uint64_t count);
  RaceCells cells() const;

 private:
  uint64_t count_;
  Pages pages_;
};

class GlobalShadow {
 public:
  GlobalShadow(uint64_t low, uint64_t high, uint32_t shift);
  RaceShadow &view() { return view_; }
  // Gives the line at `address` cells of its granules; `mark` becomes its `write`.
  void split(uint64_t address, uint32_t floor, RaceCell mark);

 private:
  RaceShadow view_;
  Pages lines_;
  std::vector<RaceCells> chunks_;
  std::vector<std::unique_ptr<RaceCellPages>> pages_;    // of each chunk
};

// What stays with a machine.
struct RaceMemory {
  uint32_t last_epoch = 1;
  std::map<uint64_t, std::unique_ptr<GlobalShadow>> shadows;     // by the start of the allocation
};

}  // namespace vgpu
