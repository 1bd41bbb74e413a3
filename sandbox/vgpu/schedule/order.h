// Another order of blocks, warps and turns than the usual one, drawn from a seed: a program whose results depend on the
// order in which threads run shows it.
//
// Blocks change places within a window that can be live at once, so that one which waits for an earlier one still finds
// it begun; the window is small, because blocks that wait for each other in turn cost its square. Warps of a block
// change places from round to round, and most rounds have short turns, so that warps overtake each other between
// barriers.
#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

namespace vgpu {

// SplitMix64: https://prng.di.unimi.it/splitmix64.c
class Draws {
 public:
  explicit Draws(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t bound) { return next() % bound; }

  template <class T>
  void shuffle(std::vector<T> &values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[size_t(below(i))]);
  }

 private:
  uint64_t state_;
};

// The order of a launch's blocks. Seed 0: as they are numbered.
class BlockOrder {
 public:
  static constexpr uint64_t kWindow = 64;

  // `most` blocks can be live at once.
  BlockOrder(uint64_t seed, uint64_t blocks, uint64_t most)
      : seed_(seed), blocks_(blocks), window_(most < kWindow ? most : kWindow) {}

  // The block that begins as number `place`.
  uint64_t at(uint64_t place) {
    if (seed_ == 0) return place;
    const uint64_t first = place / window_ * window_;
    if (places_.empty() || first != first_) fill(first);
    return first + places_[size_t(place - first)];
  }

 private:
  void fill(uint64_t first) {
    first_ = first;
    places_.resize(size_t(blocks_ - first < window_ ? blocks_ - first : window_));
    std::iota(places_.begin(), places_.end(), 0);
    Draws(seed_ + first).shuffle(places_);
  }

  uint64_t seed_, blocks_, window_, first_ = 0;
  std::vector<uint32_t> places_;
};

// The order of a block's warps in one round of turns, and how long the turns are. Seed 0: as they are numbered, full.
class TurnOrder {
 public:
  TurnOrder(uint64_t seed, uint32_t warps) : seed_(seed), draws_(seed), warps_(warps) {
    std::iota(warps_.begin(), warps_.end(), 0);
  }
  void begin_block(uint64_t block) { draws_ = Draws(seed_ ^ (block + 1) * 0xd1342543de82ef95); }
  void begin_round() {
    if (seed_ == 0) return;
    draws_.shuffle(warps_);
    short_ = draws_.below(8) != 0;
  }
  const std::vector<uint32_t> &warps() const { return warps_; }
  bool is_short() const { return short_; }
  // Warp instructions of the next turn.
  int64_t slice(int64_t full) { return short_ ? int64_t(1) + int64_t(draws_.below(64)) : full; }

 private:
  uint64_t seed_;
  Draws draws_;
  std::vector<uint32_t> warps_;
  bool short_ = false;
};

}  // namespace vgpu
