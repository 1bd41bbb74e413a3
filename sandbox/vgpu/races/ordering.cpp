// How knowledge moves. A barrier joins what its warps know. A fence takes what strong loads have met before it, and
// keeps what the warp knows then for strong stores behind it to release; an acquire or a release does its half by
// itself. A barrier stands for both halves of a fence, because code that counts on it (a fence before the barrier of
// the block, one thread's atomic behind it) is everywhere.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#release-acquire-patterns
//
// Flags are followed warp by warp: what one lane released, its warp did; what one lane acquired, its warp knows.
#include <algorithm>

#include "racer.h"

namespace vgpu {

constexpr size_t kMostWords = 1 << 20;

// All that the warp knows, and what it did itself.
Clock Racer::clock_of(uint32_t warp) {
  const RaceWarp &fast = warps[warp];
  const RaceWarpClock &own = block_->clocks[warp];
  std::vector<ClockEntry> entries = {{block_->number, kAllWarps, fast.base}, {block_->number, warp, fast.epoch}};
  for (uint32_t id = 0; id < own.seen.size(); ++id) {
    if (id != warp && own.seen[id] > fast.base) entries.push_back({block_->number, id, own.seen[id]});
  }
  return clocks_.join(clocks_.make(std::move(entries)), own.others);
}

void Racer::raise_base(uint32_t warp) {
  RaceWarp &fast = warps[warp];
  const std::vector<uint32_t> &seen = block_->clocks[warp].seen;
  uint32_t least = fast.own;
  for (uint32_t id = 0; id < seen.size(); ++id) least = id == warp ? least : std::min(least, seen[id]);
  if (seen.size() == block_->fast.size() || block_->fast.size() == 1) fast.base = std::max(fast.base, least);
}

void Racer::learn(uint32_t warp, const Clock &clock) {
  exhausted_ |= clocks_.overflowed();
  if (!clock) return;
  RaceWarp &fast = warps[warp];
  RaceWarpClock &own = block_->clocks[warp];
  bool others = false;
  fast.knows_more = true;
  for (const ClockEntry &each : clock->entries) {
    if (each.block != block_->number) {
      others = true;
    } else if (each.warp == kAllWarps) {
      fast.base = std::max(fast.base, each.epoch);
      fast.own = std::max(fast.own, each.epoch);
    } else if (each.warp == warp) {
      fast.own = std::max(fast.own, each.epoch);
    } else {
      own.seen.resize(block_->fast.size());
      own.seen[each.warp] = std::max(own.seen[each.warp], each.epoch);
    }
  }
  if (others) own.others = clocks_.join(own.others, clock);
  raise_base(warp);
}

void Racer::barrier(const std::vector<uint32_t> &released, uint32_t id, bool whole) {
  RaceScopes fenced = block_->arrived_fenced[id];
  Clock others = block_->arrived[id];
  block_->arrived[id] = nullptr;
  block_->arrived_fenced[id] = {};
  for (const uint32_t warp : released) {
    const RaceWarpClock &own = block_->clocks[warp];
    others = clocks_.join(others, own.others);
    others = clocks_.join(clocks_.join(others, own.pending.wide), own.pending.narrow);
    fenced = {clocks_.join(fenced.wide, own.fenced.wide), clocks_.join(fenced.narrow, own.fenced.narrow)};
    if (!whole) others = clocks_.join(others, clock_of(warp));
  }
  const uint32_t now = memory_.last_epoch;
  for (const uint32_t warp : released) {
    if (whole) warps[warp].base = warps[warp].own = now;
    else warps[warp].own = warps[warp].epoch;
    if (whole) warps[warp].knows_more = block_->reads_fly;
    learn(warp, others);
    block_->clocks[warp].fenced = fenced;
    block_->clocks[warp].pending = {};
    renew(warp);
  }
}

void Racer::arrive(const Warp &w, uint32_t id) {
  Clock &arrived = block_->arrived[id];
  RaceScopes &fenced = block_->arrived_fenced[id];
  const RaceScopes &own = block_->clocks[w.id].fenced;
  arrived = clocks_.join(arrived, clock_of(w.id));
  fenced = {clocks_.join(fenced.wide, own.wide), clocks_.join(fenced.narrow, own.narrow)};
  renew(w.id);
}

void Racer::fence(const Warp &w, const Op *op) {
  const uint16_t how = traits_.of[op - ops_];
  if (!(how & kRaceFence)) return;
  const bool narrow = how & kRaceBlockScope;
  RaceWarpClock &own = block_->clocks[w.id];
  const RaceScopes pending = own.pending;
  learn(w.id, pending.narrow);
  if (!narrow) learn(w.id, pending.wide);
  own.pending.narrow = nullptr;
  if (!narrow) own.pending.wide = nullptr;
  warps[w.id].own = std::max(warps[w.id].own, warps[w.id].gathered);
  own.fenced.narrow = clock_of(w.id);
  if (!narrow) own.fenced.wide = own.fenced.narrow;
  renew(w.id);
}

void Racer::warp_sync(const Warp &w, const uint32_t *members) {
  RaceWarp &fast = warps[w.id];
  RaceWarpClock &own = block_->clocks[w.id];
  bool all = w.mask == w.live;
  for (uint32_t i = 0; members && i < kWarpLanes; ++i) all &= !(w.mask >> i & 1) || (w.live & ~members[i]) == 0;
  if (all) {
    fast.own = fast.epoch;
    raise_base(w.id);
    return renew(w.id);
  }
  fast.knows_more = true;
  if (!own.lanes) own.lanes = std::make_unique<RaceWarpClock::Lanes>();
  for (uint32_t left = w.mask; left;) {
    const uint32_t leader = uint32_t(__builtin_ctz(left)), group = members ? members[leader] & w.mask : w.mask;
    std::array<uint32_t, kWarpLanes> known{};
    for (uint32_t i = 0; i < kWarpLanes; ++i) {
      if (!(group >> i & 1)) continue;
      for (uint32_t j = 0; j < kWarpLanes; ++j) known[j] = std::max(known[j], (*own.lanes)[i][j]);
      known[i] = fast.epoch;
    }
    for (uint32_t i = 0; i < kWarpLanes; ++i) {
      if (group >> i & 1) (*own.lanes)[i] = known;
    }
    left &= ~(group | 1u << leader);
  }
  renew(w.id);
}

// The lanes of a warp execute one operation together. It is no fence, but what they loaded before it they have, and a
// fence behind it is one for what all of them did before it (as libcu++ counts on when one lane speaks for its warp).
void Racer::gather(const Warp &w) {
  warps[w.id].gathered = warps[w.id].epoch;
  renew(w.id);
}

void Racer::at_mbarrier(uint32_t address, RaceEvent event, uint32_t warp) {
  RaceBarrier &barrier = block_->mbarriers[address];
  switch (event) {
    case RaceEvent::arrived:
      barrier.filling = clocks_.join(barrier.filling, clock_of(warp));
      return renew(warp);
    case RaceEvent::landed:
      // Its copies, which carry an epoch that is not above this one.
      barrier.filling = clocks_.join(barrier.filling, clocks_.make({{block_->number, warp, memory_.last_epoch}}));
      return renew(warp);
    case RaceEvent::phase_ended:
      barrier.done = clocks_.join(barrier.done, barrier.filling);
      barrier.filling = nullptr;
      return;
    case RaceEvent::tested: return learn(warp, barrier.done);
  }
}

// --- words that threads wait for or count with ----------------------------------------------------------------------

void Racer::read_word(uint32_t warp, uint16_t how, const SyncWord &word) {
  RaceScopes &pending = block_->clocks[warp].pending;
  const Clock narrow = word.block == block_->number ? word.narrow : nullptr;
  const Clock wide = how & kRaceBlockScope ? nullptr : word.wide;
  if (how & kRaceAcquire) {
    learn(warp, wide);
    learn(warp, narrow);
  } else {
    pending.wide = clocks_.join(pending.wide, wide);
    pending.narrow = clocks_.join(pending.narrow, narrow);
  }
}

// A store that releases nothing ends what others have released; an atomic goes on with it.
void Racer::write_word(uint32_t warp, uint16_t how, bool updates, SyncWords &words, uint64_t address) {
  RaceScopes given = block_->clocks[warp].fenced;
  if (how & kRaceRelease) {
    given.wide = given.narrow = clock_of(warp);
    renew(warp);
  }
  if (how & kRaceBlockScope) given.wide = nullptr;
  const auto found = words.find(address);
  if (!given.narrow && found == words.end()) return;
  if (words.size() >= kMostWords) exhausted_ = true;
  if (exhausted_) return;
  SyncWord &word = found == words.end() ? words[address] : found->second;
  const bool same_writer = word.last_block == block_->number && word.last_warp == warp;
  if (!updates && !same_writer) word = {};
  word.last_block = block_->number;
  word.last_warp = warp;
  word.wide = clocks_.join(word.wide, given.wide);
  if (word.block != block_->number) word.narrow = nullptr;
  word.block = block_->number;
  word.narrow = clocks_.join(word.narrow, given.narrow);
}

void Racer::strong_access(const Warp &w, const Op *op, Access access, Space space, const uint64_t *address,
                          uint32_t mask) {
  const uint16_t how = traits_.of[op - ops_];
  if (how & kRaceAsync) return;
  SyncWords &words = space == Space::shared ? block_->words : words_;
  uint64_t last = ~uint64_t(0);
  for (; mask; mask &= mask - 1) {
    const uint64_t at = address[__builtin_ctz(mask)];
    if (at == last) continue;
    last = at;
    const auto found = access == Access::store || words.empty() ? words.end() : words.find(at);
    if (found != words.end()) read_word(w.id, how, found->second);
    if (access != Access::load) write_word(w.id, how, access == Access::atomic, words, at);
  }
}

}  // namespace vgpu
