// What the race detector keeps of a block that is under way: the cells of its shared memory, and of each warp, what it
// knows of others.
#pragma once

#include <array>
#include <unordered_map>

#include "clock.h"
#include "shadow.h"

namespace vgpu {

// What was released through a word of memory: to everybody, and to the threads of one block.
struct SyncWord {
  Clock wide, narrow;
  uint32_t block = 0;                  // whose `narrow` is
  uint32_t last_block = 0, last_warp = 0;     // that wrote it
};
using SyncWords = std::unordered_map<uint64_t, SyncWord>;

// Knowledge at a fence, or on its way to one; `narrow` is that of the own block's scope.
struct RaceScopes { Clock wide, narrow; };

// Of a warp. What RaceWarp says of the whole block, this says in detail.
struct RaceWarpClock {
  using Lanes = std::array<std::array<uint32_t, kWarpLanes>, kWarpLanes>;
  std::vector<uint32_t> seen;          // of each other warp of the block, or empty
  std::unique_ptr<Lanes> lanes;        // of each lane, of each other lane of the warp
  Clock others;                        // of other blocks
  RaceScopes fenced;                   // what a store after the last fence releases
  RaceScopes pending;                  // what strong loads have met since the last fence
};

// An mbarrier: what arrived in its phase, and in those that are over.
struct RaceBarrier { Clock filling, done; };

struct RaceBlock {
  RaceBlock(uint32_t warps, uint64_t shared_bytes, uint32_t shared_shift)
      : shared((shared_bytes >> shared_shift) + 16), fast(warps), clocks(warps),
        issued(warps * kWarpLanes) {}

  RaceCellPages shared;
  std::vector<RaceWarp> fast;
  std::vector<RaceWarpClock> clocks;
  SyncWords words;                     // of shared memory
  std::unordered_map<uint32_t, RaceBarrier> mbarriers;
  std::array<Clock, 16> arrived;       // at barriers, without waiting
  std::array<RaceScopes, 16> arrived_fenced;
  std::vector<uint32_t> issued;        // of each thread: the epoch of its last asynchronous copy
  uint32_t number = 0;
  uint32_t first = 0;                  // epochs of this block are above
  bool alone = true;                   // no other block ran since it began
  bool reads_fly = false;              // an asynchronous copy's source has cells
};

}  // namespace vgpu
