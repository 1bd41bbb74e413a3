// How long one block takes if nothing but its own data dependences and latencies hold it up: a scoreboard for each
// warp. Within a basic block an instruction issues when its last source is ready, in the order that suits it best: PTX
// is not the order of the machine code, and ptxas moves loads away from their first use. A basic block takes at least
// one cycle for each of its instructions, and what follows it issues after its last. An instruction's destinations are
// ready `latency` cycles after it.
//
// This is the interval model of GPUMech (Huang et al., MICRO 2014, https://doi.org/10.1109/MICRO.2014.59) without its
// contention terms, which a cost model adds from the counts; the latency bound is that of Volkov, "Understanding
// Latency Hiding on GPUs" (2016, https://www2.eecs.berkeley.edu/Pubs/TechRpts/2016/EECS-2016-143.html).
//
// Limits: the best order may need more registers than there are; dependences through memory are not seen within a basic
// block; warps do not compete for issue slots, units or bandwidth; a divergent warp runs its paths one after the other;
// every barrier is a barrier of the whole block.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../machine.h"

namespace vgpu {

// Slots of one block or basic block, by the classes that keep a unit of an SM busy; then those of all classes.
struct UnitSlots {
  static constexpr Class kClasses[] = {Class::fp32,         Class::fp64,       Class::fp16,    Class::integer,
                                       Class::wide_integer, Class::conversion, Class::special, Class::shuffle,
                                       Class::matrix};
  static constexpr uint32_t kUnits = sizeof kClasses / sizeof *kClasses, kAll = kUnits;
  uint64_t slots[kUnits + 1] = {};
};

class Scoreboard {
 public:
  // `slots` is the number of registers (of any kind) an instruction can name, `warps` the number of warps in a block.
  Scoreboard(const Timing &timing, uint32_t slots, uint32_t warps)
      : barrier_latency_(timing.barrier), slots_(slots), ready_(size_t(slots) * warps), warps_(warps) {}

  void begin_block() {
    std::fill(ready_.begin(), ready_.end(), 0);
    std::fill(warps_.begin(), warps_.end(), Progress{});
    quarters_ = replays_ = 0;
    done_ = {};
  }

  // The basic block is executed, once by a warp.
  void count(const UnitSlots &of) {
    for (uint32_t i = 0; i <= UnitSlots::kAll; ++i) done_.slots[i] += of.slots[i];
  }
  const UnitSlots &done() const { return done_; }

  // Lanes wait for other words of constant memory than the first one's.
  void replay(uint64_t words) { replays_ += words; }
  uint64_t replays() const { return replays_; }

  // The banks of L1 and shared memory, which the whole block has in common, are busy for so many quarters of a cycle.
  void use_banks(uint64_t quarters) { quarters_ += quarters; }
  uint64_t bank_cycles() const { return (quarters_ + 3) / 4; }

  // The warp enters a basic block: nothing of it issues before all that went before.
  void enter_code(uint32_t warp) {
    Progress &at = warps_[warp];
    at.start = at.end();
    at.issued = at.last = 0;
  }

  void issue(uint32_t warp, const uint32_t *sources, uint32_t n_sources, const uint32_t *destinations, uint32_t n_dest,
             uint32_t latency) {
    uint64_t *ready = ready_.data() + size_t(warp) * slots_;
    const uint64_t at = issue_cycle(warp, sources, n_sources);
    for (uint32_t i = 0; i < n_dest; ++i) ready[destinations[i]] = at + latency;
    warps_[warp].note(at, at + (n_dest ? latency : 1));
  }

  // Cycle at which an instruction with these sources issues.
  uint64_t issue_cycle(uint32_t warp, const uint32_t *sources, uint32_t n_sources) const {
    const uint64_t *ready = ready_.data() + size_t(warp) * slots_;
    uint64_t at = warps_[warp].start;
    for (uint32_t i = 0; i < n_sources; ++i) at = std::max(at, ready[sources[i]]);
    return at;
  }

  // The warp waits for something outside its registers: nothing that follows issues before `cycle`.
  void hold(uint32_t warp, uint64_t cycle) {
    enter_code(warp);
    warps_[warp].start = std::max(warps_[warp].start, cycle);
  }

  // The same for three sources (fewer are repeated) and one destination, which is most instructions.
  void issue(uint32_t warp, const uint32_t (&source)[3], uint32_t destination, uint32_t latency) {
    uint64_t *ready = ready_.data() + size_t(warp) * slots_;
    const uint64_t sources = std::max(std::max(ready[source[0]], ready[source[1]]), ready[source[2]]);
    const uint64_t at = std::max(warps_[warp].start, sources);
    ready[destination] = at + latency;
    warps_[warp].note(at, at + latency);
  }

  // All warps of the block have met at a barrier: nobody goes on before the last one.
  void barrier() {
    uint64_t last = 0;
    for (const Progress &at : warps_) last = std::max(last, at.end());
    for (Progress &at : warps_) at.start = last + barrier_latency_, at.issued = at.last = 0;
  }

  // Cycles from the block's start until its slowest warp has its last result.
  uint64_t block_cycles() const {
    uint64_t longest = 0;
    for (const Progress &at : warps_) longest = std::max({longest, at.done, at.end()});
    return longest;
  }

 private:
  struct Progress {
    uint64_t start = 0;                // earliest issue of the basic block
    uint64_t issued = 0, last = 0;     // of it: how many instructions, and the cycle after the last
    uint64_t done = 0;                 // cycle at which the latest result is there

    uint64_t end() const { return std::max(start + issued, last); }
    void note(uint64_t at, uint64_t result) {
      ++issued;
      last = std::max(last, at + 1);
      done = std::max(done, result);
    }
  };

  uint32_t barrier_latency_, slots_;
  uint64_t quarters_ = 0, replays_ = 0;
  UnitSlots done_;                     // by the whole block
  std::vector<uint64_t> ready_;        // [warp][slot]: cycle at which the register's value is there
  std::vector<Progress> warps_;
};

}  // namespace vgpu
