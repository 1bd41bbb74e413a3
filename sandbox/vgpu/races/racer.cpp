#include "racer.h"

#include <algorithm>

#include "../schedule/written.h"

namespace vgpu {
namespace {

constexpr uint32_t kLastEpoch = 0xfffffff0;
constexpr uint32_t kFreshFrom = 1u << 31;        // a launch that begins above starts with fresh cells

Racer &racer_of(const Run &run) { return *static_cast<Racer *>(run.race); }

constexpr RaceCalls kCalls = {
    [](Run &run, Warp &w, const Op *op, Access access, Space space, const uint64_t *address, uint32_t mask,
       uint32_t bytes) { racer_of(run).request(run, w, op, access, space, address, mask, bytes); },
    [](Run &run, const Op *op, uint64_t low, bool stores) { return racer_of(run).find(run, op, low, stores); },
    [](Run &run, uint64_t address) { racer_of(run).split(address); },
    [](Run &run, Warp &w, const Op *op) { racer_of(run).fence(w, op); },
    [](Run &run, Warp &w, const uint32_t *members) { racer_of(run).warp_sync(w, members); },
    [](Run &run, Warp &w) { racer_of(run).gather(w); },
    [](Run &run, Warp &w, uint32_t barrier) { racer_of(run).arrive(w, barrier); },
    [](Run &run, uint32_t address, RaceEvent event, uint32_t warp) {
      racer_of(run).at_mbarrier(address, event, warp);
    },
    [](Run &run, Warp &w, const Op *op, const uint64_t *target, const uint64_t *source, uint32_t mask, uint32_t whole,
       uint32_t bytes) { racer_of(run).copy(run, w, op, target, source, mask, whole, bytes); },
    [](Run &run, Warp &w, const uint32_t *target, const uint64_t *source, uint32_t mask, uint32_t bytes) {
      racer_of(run).landed(run, w, target, source, mask, bytes);
    },
    [](Run &run, Warp &w, const Op *op, uint32_t lane, const Bulk &bulk) {
      racer_of(run).bulk(run, w, op, lane, bulk);
    },
    [](Run &run, Warp &w, const Bulk &bulk) { racer_of(run).bulk_landed(run, w, bulk); },
};

}  // namespace

Racer::Racer(const LaunchContext &context, const Program &program, const Launch &launch, const Op *ops,
             bool closely)
    : context_(context), launch_(launch), ops_(ops), memory_(context.races), traits_(program, closely),
      met_(program.ops.size()), written_(find_written(program, launch, context.arena.extents())) {
  if (memory_.last_epoch > kFreshFrom) memory_ = RaceMemory{};
  call = kCalls;
  traits = traits_.of.data();
  met = met_.data();
  launch_base = memory_.last_epoch;
  shared_shift = traits_.shared_shift;
}

Racer::~Racer() = default;

std::unique_ptr<RaceBlock> Racer::make_block(uint32_t warp_count, uint64_t shared_bytes) const {
  return std::make_unique<RaceBlock>(warp_count, shared_bytes, traits_.shared_shift);
}

uint32_t Racer::next_epoch() {
  if (memory_.last_epoch == kLastEpoch) exhausted_ = true;
  else ++memory_.last_epoch;
  return memory_.last_epoch;
}

void Racer::begin(RaceBlock &block, const AsyncState &async, uint64_t number) {
  async_ = &async;
  block.number = uint32_t(number);
  block.first = next_epoch();          // nobody's
  block.alone = true;
  block.reads_fly = false;
  block.words.clear();
  block.mbarriers.clear();
  block.arrived = {};
  block.arrived_fenced = {};
  turns_.push_back({block.first, block.number});
  block_ = &block;
  warps = block.fast.data();
  shared = block.shared.cells();
  block_first = block.first;
  for (uint32_t id = 0; id < block.fast.size(); ++id) {
    block.fast[id] = {next_epoch(), block.first, block.first, block.first};
    RaceWarpClock &clock = block.clocks[id];
    clock.seen.clear();
    clock.others = nullptr;
    clock.fenced = clock.pending = {};
  }
}

// Epochs of one stretch of time are one block's, so its warps take new ones.
void Racer::resume(RaceBlock &block, const AsyncState &async) {
  async_ = &async;
  if (block_ == &block) return;
  block_ = &block;
  block.alone = false;
  turns_.push_back({next_epoch(), block.number});
  warps = block.fast.data();
  shared = block.shared.cells();
  block_first = kInFlight;
  for (uint32_t id = 0; id < block.fast.size(); ++id) renew(id);
}

uint32_t Racer::block_of(uint32_t epoch) const {
  if (block_->alone && epoch >= block_->first) return block_->number;
  const auto after = std::upper_bound(turns_.begin(), turns_.end(), epoch,
                                      [](uint32_t value, const Turn &turn) { return value < turn.first; });
  return after == turns_.begin() ? block_->number : std::prev(after)->block;
}

}  // namespace vgpu
