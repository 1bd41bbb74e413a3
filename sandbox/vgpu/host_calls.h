// Functions of the host that device code may call: vprintf, __assertfail, malloc, free.
// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#formatted-output
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "exec/run.h"
#include "memory/address_tally.h"
#include "memory/arena.h"
#include "observe/cache.h"

namespace vgpu {

struct HostState {
  Arena &arena;
  std::string printed;
  std::string assertion;           // text behind Stop::note
  AddressTally tally;              // of atomic updates
  CacheModel *caches;              // null where nobody asked for it
  const Timing &timing;
  // Frames of functions in which some lanes of a warp wait while others run elsewhere: by warp and activation.
  std::map<std::pair<const Warp *, uint32_t>, std::vector<char>> kept_frames;
};

constexpr size_t kPrintedCap = 1 << 16;

bool call_host_function(Run &, Warp &, const Op *);
// The same for a block outside the sample (Options::sample_blocks): nobody waits for the answer.
uint32_t pass_caches(Run &, Access, const uint64_t *address, uint32_t mask, uint32_t bytes);
uint32_t ask_caches(Run &, Access, const uint64_t *address, uint32_t mask, uint32_t bytes);
void tally_update(Run &, uint64_t address, uint64_t updates);

}  // namespace vgpu
