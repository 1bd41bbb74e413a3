// A clock: of which warps, and up to which of their epochs, somebody knows everything. Clocks are shared and never
// changed; joining two makes a third. An entry without a warp (kAllWarps) is for all warps of its block.
//
// Clocks stay small, because a barrier makes one entry of a block's; what they may cost together is bounded. Beyond,
// clocks know everything: a race may then be missed, and nobody is accused.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace vgpu {

constexpr uint32_t kAllWarps = 0xffffffff;

struct ClockEntry {
  uint32_t block, warp, epoch;
  bool is_before(const ClockEntry &other) const {
    return block != other.block ? block < other.block : warp < other.warp;
  }
};

class ClockEntries {
 public:
  ClockEntries(std::vector<ClockEntry> sorted, uint64_t &live) : entries(std::move(sorted)), live_(live) {
    live_ += entries.size();
  }
  ~ClockEntries() { live_ -= entries.size(); }
  ClockEntries(const ClockEntries &) = delete;
  ClockEntries &operator=(const ClockEntries &) = delete;
  const std::vector<ClockEntry> entries;

 private:
  uint64_t &live_;                     // entries of all clocks of a launch
};

using Clock = std::shared_ptr<const ClockEntries>;     // null: knows of nothing

class Clocks {
 public:
  static constexpr uint64_t kMost = 1 << 22;

  Clock make(std::vector<ClockEntry> entries);
  Clock join(const Clock &, const Clock &);
  static bool knows(const Clock &, uint32_t block, uint32_t warp, uint32_t epoch);
  // So many clocks were asked for that the answers stopped being exact.
  bool overflowed() const { return overflowed_; }

 private:
  uint64_t live_ = 0;
  bool overflowed_ = false;
};

}  // namespace vgpu
