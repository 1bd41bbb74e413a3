// How long one block takes if nothing but its own data dependences and latencies hold it up: an in-order scoreboard
// for each warp. An instruction issues one cycle after the one before it or when its last source is ready, whichever is
// later; its destinations are ready `latency` cycles after that.
//
// This is the interval model of GPUMech (Huang et al., MICRO 2014, https://doi.org/10.1109/MICRO.2014.59) without its
// contention terms, which a cost model adds from the counts; the latency bound is that of Volkov, "Understanding
// Latency Hiding on GPUs" (2016, https://www2.eecs.berkeley.edu/Pubs/TechRpts/2016/EECS-2016-143.html).
//
// Limits: warps do not compete for issue slots, units or bandwidth; a divergent warp runs its paths one after the
// other; every barrier is a barrier of the whole block.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../machine.h"

namespace vgpu {

class Scoreboard {
 public:
  // `slots` is the number of registers (of any kind) an instruction can name, `warps` the number of warps in a block.
  Scoreboard(const Timing &timing, uint32_t slots, uint32_t warps)
      : barrier_latency_(timing.barrier),
        slots_(slots),
        ready_(size_t(slots) * warps),
        next_issue_(warps),
        done_(warps) {}

  void begin_block() {
    std::fill(ready_.begin(), ready_.end(), 0);
    std::fill(next_issue_.begin(), next_issue_.end(), 0);
    std::fill(done_.begin(), done_.end(), 0);
  }

  void issue(uint32_t warp, const uint32_t *sources, uint32_t n_sources, const uint32_t *destinations, uint32_t n_dest,
             uint32_t latency) {
    uint64_t *ready = ready_.data() + size_t(warp) * slots_;
    const uint64_t at = issue_cycle(warp, sources, n_sources);
    for (uint32_t i = 0; i < n_dest; ++i) ready[destinations[i]] = at + latency;
    next_issue_[warp] = at + 1;
    done_[warp] = std::max(done_[warp], at + (n_dest ? latency : 1));
  }

  // Cycle at which an instruction with these sources issues.
  uint64_t issue_cycle(uint32_t warp, const uint32_t *sources, uint32_t n_sources) const {
    const uint64_t *ready = ready_.data() + size_t(warp) * slots_;
    uint64_t at = next_issue_[warp];
    for (uint32_t i = 0; i < n_sources; ++i) at = std::max(at, ready[sources[i]]);
    return at;
  }

  // The warp waits for something outside its registers: nothing of it issues before `cycle`.
  void hold(uint32_t warp, uint64_t cycle) { next_issue_[warp] = std::max(next_issue_[warp], cycle); }

  // The same for three sources (fewer are repeated) and one destination, which is most instructions.
  void issue(uint32_t warp, const uint32_t (&source)[3], uint32_t destination, uint32_t latency) {
    uint64_t *ready = ready_.data() + size_t(warp) * slots_;
    const uint64_t sources = std::max(std::max(ready[source[0]], ready[source[1]]), ready[source[2]]);
    const uint64_t at = std::max(next_issue_[warp], sources);
    ready[destination] = at + latency;
    next_issue_[warp] = at + 1;
    done_[warp] = std::max(done_[warp], at + latency);
  }

  // All warps of the block have met at a barrier: nobody goes on before the last one.
  void barrier() {
    const uint64_t last = *std::max_element(next_issue_.begin(), next_issue_.end()) + barrier_latency_;
    std::fill(next_issue_.begin(), next_issue_.end(), last);
  }

  // Cycles from the block's start until its slowest warp has its last result.
  uint64_t block_cycles() const {
    uint64_t longest = 0;
    for (size_t warp = 0; warp < done_.size(); ++warp) longest = std::max({longest, done_[warp], next_issue_[warp]});
    return longest;
  }

 private:
  uint32_t barrier_latency_, slots_;
  std::vector<uint64_t> ready_;        // [warp][slot]: cycle at which the register's value is there
  std::vector<uint64_t> next_issue_;   // [warp]: earliest cycle of its next instruction
  std::vector<uint64_t> done_;         // [warp]: cycle at which its latest result is there
};

}  // namespace vgpu
