#include "clock.h"

#include <algorithm>

namespace vgpu {
namespace {

bool is_before(const ClockEntry &a, const ClockEntry &b) { return a.is_before(b); }

}  // namespace

Clock Clocks::make(std::vector<ClockEntry> entries) {
  overflowed_ |= live_ + entries.size() > kMost;
  if (overflowed_) return nullptr;
  std::sort(entries.begin(), entries.end(), is_before);
  return std::make_shared<const ClockEntries>(std::move(entries), live_);
}

Clock Clocks::join(const Clock &a, const Clock &b) {
  if (!a || a == b) return b;
  if (!b) return a;
  std::vector<ClockEntry> merged;
  merged.reserve(a->entries.size() + b->entries.size());
  std::merge(a->entries.begin(), a->entries.end(), b->entries.begin(), b->entries.end(), std::back_inserter(merged),
             is_before);
  size_t kept = 0;
  for (const ClockEntry &each : merged) {
    ClockEntry *last = kept ? &merged[kept - 1] : nullptr;
    if (last && last->block == each.block && last->warp == each.warp) last->epoch = std::max(last->epoch, each.epoch);
    else merged[kept++] = each;
  }
  merged.resize(kept);
  return make(std::move(merged));
}

bool Clocks::knows(const Clock &clock, uint32_t block, uint32_t warp, uint32_t epoch) {
  if (!clock) return false;
  for (const uint32_t each : {warp, kAllWarps}) {
    const ClockEntry wanted{block, each, 0};
    const auto found = std::lower_bound(clock->entries.begin(), clock->entries.end(), wanted, is_before);
    if (found != clock->entries.end() && found->block == block && found->warp == each && epoch <= found->epoch)
      return true;
  }
  return false;
}

}  // namespace vgpu
