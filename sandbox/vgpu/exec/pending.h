// What a block has begun asynchronously and nobody has waited for yet: copies of cp.async by warp, in order of issue;
// what happens when a copy arrives at an mbarrier; bulk stores. A handler that waits carries them out (landing.h).
// https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-asynchronous-copy
//
// A copy may complete at any time before its wait, so a queue that has grown to its limit carries out its oldest entry.
// The element types are our own: each build of the interpreter gets its own instance of the containers.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace vgpu {

// The copies of one cp.async, one a lane. The source is read when the copy is carried out.
struct PendingCopy {
  uint32_t mask;                   // lanes whose copy is pending
  uint32_t bytes;                  // that each lane writes
  uint32_t partial;                // lanes that read less than that; the rest is zeros
  uint64_t arrival;                // cycle at which the data would be there (scoreboard)
  uint32_t target[32], group[32];
  uint64_t source[32];
  uint8_t read[32];                // bytes read, of partial lanes
};

// A warp's pending copies: a ring, indexed by sequence number.
class PendingCopies {
 public:
  static constexpr uint32_t kMost = 4096;

  uint32_t committed[32] = {};     // groups that each thread has committed, of cp.async
  uint32_t bulk_committed[32] = {};                                       // and of cp.async.bulk

  uint64_t first() const { return first_; }
  uint64_t end() const { return end_; }
  bool full() const { return end_ - first_ == kMost; }
  PendingCopy &at(uint64_t sequence) { return ring_[size_t(sequence) & (ring_.size() - 1)]; }
  const PendingCopy &at(uint64_t sequence) const { return ring_[size_t(sequence) & (ring_.size() - 1)]; }

  PendingCopy &push() {
    if (end_ - first_ == ring_.size()) grow();
    return at(end_++);
  }
  // Forgets what has been carried out. Entries in the middle stay until those before them are done.
  void trim() {
    while (first_ != end_ && at(first_).mask == 0) ++first_;
  }
  void begin_block() {
    first_ = end_ = 0;
    std::memset(committed, 0, sizeof committed);
    std::memset(bulk_committed, 0, sizeof bulk_committed);
  }
  uint64_t lanes_left() const {
    uint64_t lanes = 0;
    for (uint64_t i = first_; i != end_; ++i) lanes += uint64_t(__builtin_popcount(at(i).mask));
    return lanes;
  }

 private:
  void grow() {
    std::vector<PendingCopy> larger(ring_.empty() ? 8 : 2 * ring_.size());
    for (uint64_t i = first_; i != end_; ++i) larger[size_t(i) & (larger.size() - 1)] = at(i);
    ring_.swap(larger);
  }

  std::vector<PendingCopy> ring_;
  uint64_t first_ = 0, end_ = 0;
};

// What cp.async.bulk copies for one thread. Addresses are those of the state space.
enum class BulkKind : uint8_t { global_to_shared, shared_to_shared, shared_to_global, reduce };
struct Bulk {
  BulkKind kind;
  uint8_t operation, type;         // BulkOperation and BulkType of a reduction
  uint32_t bytes;
  uint64_t target, source;
};

// Work that signals an mbarrier when it is done: a bulk copy, or (without one) the earlier cp.async copies of `lanes`.
struct Signal {
  uint32_t barrier;                // shared address
  uint32_t warp, lanes;
  uint64_t sequence;               // copies of the warp before this one
  uint64_t arrival;
  bool is_bulk;
  Bulk bulk;
};

// A bulk copy that its own thread waits for, by groups.
struct BulkStore {
  uint32_t warp, lane, group;
  uint64_t arrival;
  Bulk bulk;
};

// When a barrier's phases complete, in cycles (scoreboard).
struct BarrierClock { uint32_t barrier; uint64_t filling, done; };

// Everything asynchronous of one block.
struct AsyncState {
  static constexpr size_t kMostSignals = 4096;

  explicit AsyncState(uint32_t warp_count) : warps(warp_count) {}

  std::vector<PendingCopies> warps;          // by Warp::id
  std::vector<Signal> signals;               // in order of issue
  std::vector<BulkStore> stores;
  std::vector<BarrierClock> clocks;
  uint64_t forgotten = 0;                    // bulk copies whose barrier ended before anybody waited
  bool used = false;                         // since the block began

  void begin_block() {
    if (!used) return;
    used = false;
    forgotten = 0;
    for (PendingCopies &each : warps) each.begin_block();
    signals.clear();
    stores.clear();
    clocks.clear();
  }
  // Copies of single threads that nobody has waited for.
  uint64_t copies_left() const {
    if (!used) return 0;
    uint64_t left = stores.size() + forgotten;
    for (const PendingCopies &each : warps) left += each.lanes_left();
    for (const Signal &each : signals) left += each.is_bulk;
    return left;
  }
  void forget_signals(uint32_t barrier) {
    size_t kept = 0;
    for (const Signal &each : signals) {
      if (each.barrier != barrier) signals[kept++] = each;
      else forgotten += each.is_bulk;
    }
    signals.resize(kept);
  }
};

}  // namespace vgpu
