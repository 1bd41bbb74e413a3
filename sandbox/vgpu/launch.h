// One launch: checks that it fits the device, runs its blocks (schedule/), reports.
#pragma once

#include "loaded_module.h"
#include "memory/arena.h"
#include "memory/claims.h"
#include "races/shadow.h"
#include "observe/cache.h"

namespace vgpu {

// What a launch needs from the machine it runs on.
struct LaunchContext {
  const LoadedModule &module;
  const Limits &limits;
  Arena &arena;
  uint32_t poison;
  uint64_t grid_id;
  CacheModel *caches;              // null without Options::caches
  ClaimPool &claims;
  RaceMemory &races;
};

LaunchReport run_launch(const LaunchContext &, const Program &, const Launch &, const Options &, Budget);

// Empty where the launch fits the device; otherwise a sentence that says why not.
std::string check_launch(const Program &, const Launch &, const Limits &);

}  // namespace vgpu
