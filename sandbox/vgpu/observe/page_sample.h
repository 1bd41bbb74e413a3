// Which pages of memory the L2 model follows when it follows only a part of them, and what it takes for the others.
//
// L2's sets are chosen by a hash of the page. Those whose hash lies in a window of 1/kShare of all are followed, with
// everything that falls into them, so that they fill and evict as in a whole L2; this is set sampling (Puzak, "Analysis
// of Cache Replacement-Algorithms", 1985; Kessler, Hill and Wood, "A Comparison of Trace-Sampling Techniques for
// Multi-Megabyte Caches", 1994). Hashes of neighbouring pages step by the golden ratio, so that of any stretch of pages
// the window has its share to within a page or two. What DRAM moves is kShare times what it moves for followed pages.
//
// A block that is timed must wait for other pages as well. There a sector is taken to come from DRAM as often as those
// of followed pages near it lately did.
#pragma once

#include <cstdint>
#include <vector>

namespace vgpu::detail {

constexpr uint32_t kPageShift = 5;     // lines in a page, log2: 4 KiB

// Fibonacci hashing, so that power-of-two strides spread out.
inline uint32_t hash_of_page(uint64_t page) { return uint32_t(page * 0x9e3779b97f4a7c15ull >> 32); }

class PageSample {
 public:
  static constexpr uint64_t kShare = 8;

  bool is_all() const { return window_ == 0; }
  uint64_t share() const { return is_all() ? 1 : kShare; }

  // From here on a part is followed, drawn by the seed; once begun, it stays the same part.
  void begin(uint64_t seed) {
    if (!is_all()) return;
    window_ = uint32_t((uint64_t(1) << 32) / kShare);
    first_ = hash_of_page(seed);
    regions_.assign(kRegions, Seen{});
  }

  bool follows_page(uint64_t page) const { return is_all() || hash_of_page(page) - first_ < window_; }
  bool follows(uint64_t line) const { return follows_page(line >> kPageShift); }

  // Of `sectors` of a followed line that a timed block asked L2 for, so many came from DRAM.
  void note(uint64_t line, uint32_t sectors, uint32_t from_dram) {
    if (is_all()) return;
    add(region_of(line), sectors, from_dram);
    add(anywhere_, sectors, from_dram);
  }

  // Whether what a timed block asks L2 for, on a page that is not followed, comes from DRAM.
  bool guess_dram(uint64_t line) {
    Seen &region = region_of(line);
    const Seen &known = region.sectors >= kEnough ? region : anywhere_;
    region.owed += known.from_dram + 1;
    if (region.owed < known.sectors + 1) return false;
    region.owed -= known.sectors + 1;
    return true;
  }

 private:
  struct Seen { uint32_t sectors = 0, from_dram = 0, owed = 0; };
  static constexpr uint32_t kRegions = 1024, kRegionShift = 13;     // of lines: 1 MiB
  static constexpr uint32_t kEnough = 16, kMost = 512;              // sectors; older ones weigh less

  Seen &region_of(uint64_t line) { return regions_[line >> kRegionShift & (kRegions - 1)]; }
  static void add(Seen &seen, uint32_t sectors, uint32_t from_dram) {
    seen.sectors += sectors;
    seen.from_dram += from_dram;
    if (seen.sectors < kMost) return;
    seen.sectors /= 2;
    seen.from_dram /= 2;
    seen.owed /= 2;
  }

  uint32_t window_ = 0, first_ = 0;
  std::vector<Seen> regions_;
  Seen anywhere_;
};

}  // namespace vgpu::detail
