// The most work of one block, as it would be on a card. Blocks run one after the other here, so that of blocks that
// take their work from a counter the first takes nearly all; on a card each takes the next piece when it has done one.
// A block that has taken more often than the mean of those that take counts with as many of its pieces as that mean.
// Blocks that never ask share nothing: whoever shares a queue finds it empty in the end. Where all take equally often
// (tickets, barriers of the grid), or nobody does, that is what each has done.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace vgpu {

class Heaviest {
 public:
  struct Work {
    uint64_t chain = 0, instructions = 0, bank_cycles = 0;
  };

  void add(const Work &work, uint64_t taken) {
    takers_ += taken != 0;
    taken_ += taken;
    Alike &like = alike_[taken < 2 ? 0 : 63 - __builtin_clzll(taken)];
    const double pieces = double(std::max<uint64_t>(taken, 1));
    for (size_t i = 0; i < kPartCount; ++i) {
      like.most[i] = std::max(like.most[i], work.*kParts[i]);
      like.piece[i] = std::max(like.piece[i], double(work.*kParts[i]) / pieces);
    }
  }

  Work most() const {
    const double mean = std::max(double(taken_) / double(std::max<uint64_t>(takers_, 1)), 1.0);
    Work found;
    for (const Alike &like : alike_) {
      const bool once = &like == alike_;
      for (size_t i = 0; i < kPartCount; ++i) {
        const uint64_t even = once ? like.most[i] : uint64_t(std::llround(mean * like.piece[i]));
        found.*kParts[i] = std::max(found.*kParts[i], std::min(like.most[i], even));
      }
    }
    return found;
  }

 private:
  static constexpr size_t kPartCount = 3;
  static constexpr uint64_t Work::*kParts[kPartCount] = {&Work::chain, &Work::instructions, &Work::bank_cycles};
  // Blocks that have taken about equally often, to a factor of two; the first are those that have at most once.
  struct Alike {
    uint64_t most[kPartCount] = {};
    double piece[kPartCount] = {};              // of what a block did each time it took
  };
  Alike alike_[64];
  uint64_t takers_ = 0, taken_ = 0;
};

}  // namespace vgpu
