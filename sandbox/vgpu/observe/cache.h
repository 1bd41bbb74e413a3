// A small model of a GPU's caches: which 32-byte sectors of a warp's request are found in L1, in L2 or in DRAM, and
// how many sectors DRAM has to move. It changes nothing and only counts.
//
// Sizes come from Timing; the shape (128-byte lines of four sectors, L1 write-through without allocation, L2
// write-back) is that of NVIDIA GPUs since Volta: Jia et al., "Dissecting the NVIDIA Volta GPU Architecture via
// Microbenchmarking", https://arxiv.org/abs/1804.06826, and the memory chapter of Nsight Compute's guide,
// https://docs.nvidia.com/nsight-compute/ProfilingGuide/#memory-tables.
//
// Simplifications, all on purpose:
//   * Eight ways, least recently used, sets chosen by a hash; real associativity and policy are not published.
//   * L1 is empty when a block begins, has the share of one block, stays its own while blocks take turns at a queue,
//     and is that of all blocks that wait for each other; L2 is everyone's. Blocks that would run at the same time do
//     not disturb each other otherwise, and prefetching does not exist.
//   * One L2, no partitions, no set-aside, no compression. It holds its content from launch to launch.
//   * A store never reads DRAM first, even when it writes only a part of a sector.
//   * An atomic works in L2: it drops the sector from L1, counts as an L2 write, and fetches the sector if absent.
//   * Cache operators (.ca .cg .cs .nc ...) are ignored.
//
// A load also costs L1 cycles, hit or miss: its data come out of the banks that shared memory has (so a stride of 32
// words is a 32-way conflict here, too), and at most four lines are looked up a cycle. That is what gpu-strides of
// https://github.com/te42kyfo/gpu-benches measures on A100, A40 and H200: 2, 4, 8, 16 cycles for strides of 2, 4, 8, 16
// words, 1.6 for 3 words, and 9.3 for 32 lines without conflicts (8 here).
//
// Of a launch whose blocks are sampled (schedule/sampled.h), L2 follows a part of the pages only: page_sample.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "../machine.h"
#include "coalesce.h"
#include "page_sample.h"

namespace vgpu {

namespace detail {

// Sectored set-associative tags. One entry is line << 8 | dirty sectors << 4 | valid sectors, and a set's eight entries
// fill one line of the host's cache; they are kept in order of use.
class SectorTags {
 public:
  static constexpr uint32_t kWays = 8;
  static constexpr uint32_t kLineBytes = 128;

  explicit SectorTags(uint64_t bytes)
      : sets_(uint32_t(std::max<uint64_t>(1, bytes / (kLineBytes * kWays)))), entries_(size_t(sets_) * kWays) {}

  void clear() { std::fill(entries_.begin(), entries_.end(), 0); }
  SectorTags make_empty() const { return SectorTags(uint64_t(sets_) * kLineBytes * kWays); }

  // Makes the line's entry the most recently used and returns it. When the line was absent the oldest entry makes room
  // and is returned in `evicted` (0 otherwise).
  uint64_t &touch(uint64_t line, uint64_t &evicted) {
    uint64_t *set = set_of(line);
    evicted = 0;
    if (holds(set[0], line)) return set[0];
    uint64_t carried = line << 8;
    for (uint32_t way = 0; way < kWays; ++way) {
      std::swap(carried, set[way]);
      if (!holds(carried, line)) continue;
      set[0] = carried;
      return set[0];
    }
    evicted = carried;
    return set[0];
  }

  // Forgets the line's sectors if it is present.
  void drop(uint64_t line, uint64_t sectors) {
    uint64_t *set = set_of(line);
    for (uint32_t way = 0; way < kWays; ++way)
      if (holds(set[way], line)) set[way] &= ~sectors;
  }

  // Marks the line clean if it is present.
  void clean(uint64_t line) { drop(line, 0xf0); }

 private:
  static bool holds(uint64_t entry, uint64_t line) { return entry >> 8 == line; }
  uint64_t *set_of(uint64_t line) {
    // Lines of one page go to neighbouring sets.
    const uint64_t set = (uint64_t(hash_of_page(line >> kPageShift)) * sets_ >> 32) + (line & ((1u << kPageShift) - 1));
    return &entries_[size_t(set < sets_ ? set : set % sets_) * kWays];
  }

  uint32_t sets_;
  std::vector<uint64_t> entries_;
};

}  // namespace detail

class CacheModel {
 public:
  // Sectors of one request by where they were found. A store's sectors count as found in L2, which absorbs them.
  struct Hit {
    uint32_t l1_hit = 0, l2_hit = 0, dram = 0;
  };

  explicit CacheModel(const Timing &timing) : l1_(timing.l1_bytes), l2_(timing.l2_bytes) {}

  // Starts a launch: counts begin at zero, what the last launch left dirty has been written back, L2 keeps its content.
  // From a launch on of which blocks pass unwatched, drawn by `seed`, L2 follows a part of the pages only.
  void begin_launch(bool sampled = false, uint64_t seed = 0) {
    if (sampled) pages_.begin(seed);
    for (const uint64_t line : written_lines_) l2_.clean(line);
    written_lines_.clear();
    l1_wavefronts_ = l1_misses_ = l2_reads_ = l2_writes_ = dram_reads_ = dram_writes_ = dirty_ = 0;
  }

  // Starts a block, which may land on any SM: its L1 is empty.
  void begin_block() {
    l1_.clear();
    if (!pages_.is_all()) own_.clear();
  }

  // For a block that makes room for others and finds its own L1 again when it goes on: an empty one, and an exchange.
  detail::SectorTags make_l1() const { return l1_.make_empty(); }
  void exchange_l1(detail::SectorTags &other) { std::swap(l1_, other); }

  Hit load(const uint64_t *address, uint32_t mask, uint32_t bytes) {
    uint32_t lines = 0;
    const Hit hit = for_each_line(address, mask, bytes, [&](uint64_t line, uint32_t in) {
      ++lines;
      return load_line(line, in);
    });
    l1_wavefronts_ += std::max((lines + 3) / 4, bank_cycles(address, mask, bytes));
    return hit;
  }
  Hit store(const uint64_t *address, uint32_t mask, uint32_t bytes) {
    return for_each_line(address, mask, bytes, [this](uint64_t line, uint32_t in) { return store_line(line, in); });
  }
  Hit atomic(const uint64_t *address, uint32_t mask, uint32_t bytes) {
    return for_each_line(address, mask, bytes, [this](uint64_t line, uint32_t in) { return atomic_line(line, in); });
  }

  // A request of a block whose L1 is not modelled: L2 sees all of it on the pages that it follows, also what L1 would
  // have answered. Only DRAM counts.
  void pass(bool stores, const uint64_t *address, uint32_t mask, uint32_t bytes) {
    uint64_t followed[kLanes];
    mask = followed_lanes(address, mask, followed);
    if (!mask) return;
    for_each_line(followed, mask, bytes, [this, stores](uint64_t line, uint32_t in) {
      if (!pages_.follows(line)) return Hit{};      // a lane's bytes may reach into the next page
      if (stores) write(touch_l2(line), line, in);
      else fetch(line, in, 0);
      return Hit{};
    });
  }

  // Cycles of L1 that this launch's loads have taken so far.
  uint64_t load_cycles() const { return l1_wavefronts_; }

  // Adds this launch's counts; sectors that are still dirty in L2 count as written to DRAM once.
  void add_to(Counts &counts) const {
    counts.l1_load_wavefronts += l1_wavefronts_;
    counts.l1_miss_sectors += l1_misses_;
    counts.l2_read_sectors += l2_reads_;
    counts.l2_write_sectors += l2_writes_;
    counts.dram_read_sectors += dram_reads_ * pages_.share();
    counts.dram_write_sectors += (dram_writes_ + dirty_) * pages_.share();
  }

 private:
  static constexpr uint64_t kOwnBytes = 4 << 20;

  // Of at most four sectors: a table of nibbles, because the baseline build would call a function for each count.
  static uint32_t count(uint64_t sectors) { return uint32_t(0x4332322132212110ull >> (sectors & 15) * 4 & 15); }

  // Cycles in which the banks give a load's data: those of shared memory at the same addresses.
  static uint32_t bank_cycles(const uint64_t *address, uint32_t mask, uint32_t bytes) {
    if (mask == kFullMask && bytes >= 4 && address[1] - address[0] == bytes && detail::is_strided<kLanes>(address)) {
      return bytes / 4;
    }
    uint32_t narrow[kLanes];
    for (uint32_t lane = 0; lane < kLanes; ++lane) narrow[lane] = uint32_t(address[lane]);
    return count_wavefronts(narrow, mask, bytes);
  }

  // The lanes on followed pages, and their addresses; the others repeat one of these.
  uint32_t followed_lanes(const uint64_t *address, uint32_t mask, uint64_t followed[kLanes]) const {
    constexpr uint32_t kShift = detail::kPageShift + 7;      // 128-byte lines
    uint64_t differing = 0;
    for (uint32_t lane = 0; lane < kLanes; ++lane) differing |= address[lane] ^ address[0];
    bool follows = pages_.follows_page(address[0] >> kShift);
    uint32_t kept = follows ? mask : 0;
    if (differing >> kShift) {
      kept = follows;
      for (uint32_t lane = 1; lane < kLanes; ++lane) {
        // Neighbouring lanes tend to share a page.
        if ((address[lane] ^ address[lane - 1]) >> kShift) follows = pages_.follows_page(address[lane] >> kShift);
        kept |= uint32_t(follows) << lane;
      }
      kept &= mask;
    }
    if (!kept) return 0;
    const uint64_t any = address[__builtin_ctz(kept)];
    for (uint32_t lane = 0; lane < kLanes; ++lane) followed[lane] = kept >> lane & 1 ? address[lane] : any;
    return kept;
  }

  template <class Visit>
  static Hit for_each_line(const uint64_t *address, uint32_t mask, uint32_t bytes, Visit visit) {
    Hit total;
    const auto add = [&](uint64_t line, uint32_t sectors) {
      const Hit hit = visit(line, sectors);
      total.l1_hit += hit.l1_hit, total.l2_hit += hit.l2_hit, total.dram += hit.dram;
    };
    const uint64_t step = address[1] - address[0];
    const bool rises = mask == kFullMask && step < (uint64_t(1) << 32) && detail::is_strided<kLanes>(address);
    uint64_t sectors[kMaxSectors];
    if (rises && step <= 32) {
      visit_run(address[0] >> kSectorShift, (address[kLanes - 1] + bytes - 1) >> kSectorShift, add);
    } else if (rises && ((address[0] | step) & (bytes - 1)) == 0) {
      for (uint32_t lane = 0; lane < kLanes; ++lane) sectors[lane] = address[lane] >> kSectorShift;
      visit_list(sectors, kLanes, add);
    } else if (mask == kFullMask && step <= 32 && detail::is_strided_by_halves(address)) {
      visit_list(sectors, list_halves(address, bytes, sectors), add);
    } else {
      visit_list(sectors, collect_sectors(address, mask, bytes, sectors), add);
    }
    return total;
  }

  // The sectors of two half warps without gaps, rising; returns how many.
  static uint32_t list_halves(const uint64_t *address, uint32_t bytes, uint64_t sectors[kMaxSectors]) {
    constexpr uint32_t kHalf = kLanes / 2;
    const uint64_t *low = address[0] <= address[kHalf] ? address : address + kHalf;
    const uint64_t *high = low == address ? address + kHalf : address;
    uint32_t n = 0;
    uint64_t next = low[0] >> kSectorShift;
    for (; next <= (low[kHalf - 1] + bytes - 1) >> kSectorShift; ++next) sectors[n++] = next;
    next = std::max(next, high[0] >> kSectorShift);
    for (; next <= (high[kHalf - 1] + bytes - 1) >> kSectorShift; ++next) sectors[n++] = next;
    return n;
  }

  // Calls add(line, sectors of the line) for each line of the sectors first..last.
  template <class Add>
  static void visit_run(uint64_t first, uint64_t last, Add add) {
    for (uint64_t line = first >> 2; line <= last >> 2; ++line) {
      const uint32_t from = line == first >> 2 ? first & 3 : 0, to = line == last >> 2 ? last & 3 : 3;
      add(line, 0xfu << from & 0xfu >> (3 - to));
    }
  }

  // The same for a rising list of sectors.
  template <class Add>
  static void visit_list(const uint64_t *sectors, uint32_t n, Add add) {
    for (uint32_t i = 0; i < n;) {
      const uint64_t line = sectors[i] >> 2;
      uint32_t in_line = 0;
      for (; i < n && sectors[i] >> 2 == line; ++i) in_line |= 1u << (sectors[i] & 3);
      add(line, in_line);
    }
  }

  Hit load_line(uint64_t line, uint32_t sectors) {
    uint64_t evicted;                                   // L1 holds no dirty data: nothing to write back
    uint64_t &entry = l1_.touch(line, evicted);
    const uint32_t missing = sectors & ~uint32_t(entry);
    Hit hit;
    hit.l1_hit = count(sectors) - count(missing);
    if (!missing) return hit;
    entry |= missing;
    l1_misses_ += count(missing);
    l2_reads_ += count(missing);
    const uint32_t absent = ask_l2(line, missing, 0);
    hit.l2_hit = count(missing) - absent;
    hit.dram = absent;
    return hit;
  }

  Hit store_line(uint64_t line, uint32_t sectors) {
    l2_writes_ += count(sectors);
    if (!pages_.is_all()) use(line, sectors);
    if (pages_.follows(line)) write(touch_l2(line), line, sectors);
    return Hit{0, count(sectors), 0};
  }

  Hit atomic_line(uint64_t line, uint32_t sectors) {
    l1_.drop(line, sectors);
    l2_writes_ += count(sectors);
    const uint32_t absent = ask_l2(line, sectors, sectors);
    return Hit{0, count(sectors) - absent, absent};
  }

  // The same as fetch(). On a page that is not followed: what the running block has used before is there, and of the
  // rest what is likely.
  uint32_t ask_l2(uint64_t line, uint32_t sectors, uint32_t dirty) {
    if (pages_.is_all()) return fetch(line, sectors, dirty);
    const uint32_t others = use(line, sectors);
    if (!pages_.follows(line)) return others && pages_.guess_dram(line) ? count(others) : 0;
    const uint32_t absent = fetch(line, sectors, dirty);
    if (others) pages_.note(line, count(others), absent);
    return absent;
  }

  // Those of the sectors that the running block uses for the first time.
  uint32_t use(uint64_t line, uint32_t sectors) {
    uint64_t evicted;
    uint64_t &entry = own_.touch(line, evicted);
    const uint32_t fresh = sectors & ~uint32_t(entry);
    entry |= sectors;
    return fresh;
  }

  // Brings sectors into L2, marks `dirty` ones as written and returns how many came from DRAM.
  uint32_t fetch(uint64_t line, uint32_t sectors, uint32_t dirty) {
    uint64_t &entry = touch_l2(line);
    const uint32_t absent = count(sectors & ~uint32_t(entry));
    dram_reads_ += absent;
    entry |= sectors;
    if (dirty) write(entry, line, dirty);
    return absent;
  }

  uint64_t &touch_l2(uint64_t line) {
    uint64_t evicted;
    uint64_t &entry = l2_.touch(line, evicted);
    const uint32_t lost = count(evicted >> 4 & 0xf);
    dram_writes_ += lost;
    dirty_ -= lost;
    return entry;
  }

  void write(uint64_t &entry, uint64_t line, uint32_t sectors) {
    if (!(entry & 0xf0)) written_lines_.push_back(line);
    dirty_ += count(sectors & ~(entry >> 4));
    entry |= sectors | sectors << 4;
  }

  detail::SectorTags l1_, l2_;
  detail::PageSample pages_;                            // that L2 follows
  detail::SectorTags own_{kOwnBytes};                   // what the running block has used, where L2 follows a part only
  std::vector<uint64_t> written_lines_;                 // lines that became dirty in this launch, some evicted since
  uint64_t l1_wavefronts_ = 0, l1_misses_ = 0, l2_reads_ = 0, l2_writes_ = 0;
  uint64_t dram_reads_ = 0, dram_writes_ = 0, dirty_ = 0;
};

}  // namespace vgpu
