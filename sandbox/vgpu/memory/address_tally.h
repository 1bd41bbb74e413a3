// How often each address was updated: the hottest address bounds the time of atomics.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace vgpu {

// Open addressing with linear probing; grows at half load. Address 0 is never allocated and marks a free cell. Beyond
// kMaxAddresses distinct addresses new ones are not counted: no address of so many is hot.
class AddressTally {
 public:
  void add(uint64_t address, uint64_t updates) {
    if (used_ * 2 >= cells_.size() && used_ < kMaxAddresses) grow();
    Cell &cell = find(address);
    if (cell.address == 0 && used_ >= kMaxAddresses) return;
    used_ += cell.address == 0;
    cell.address = address;
    cell.updates += updates;
    most_ = std::max(most_, cell.updates);
  }
  uint64_t most() const { return most_; }

 private:
  static constexpr uint64_t kMaxAddresses = 1 << 21;
  struct Cell { uint64_t address = 0, updates = 0; };

  Cell &find(uint64_t address) {
    const uint64_t mask = cells_.size() - 1;
    uint64_t at = (address * 0x9e3779b97f4a7c15ull >> 20) & mask;
    while (cells_[at].address != 0 && cells_[at].address != address) at = (at + 1) & mask;
    return cells_[at];
  }
  void grow() {
    std::vector<Cell> old(std::max<size_t>(1024, cells_.size() * 2));
    old.swap(cells_);
    for (const Cell &each : old) {
      if (each.address) find(each.address) = each;
    }
  }

  std::vector<Cell> cells_;
  uint64_t used_ = 0, most_ = 0;
};

}  // namespace vgpu
