#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

namespace vgpu {
namespace {

constexpr uint64_t kParts = 64;

void add(OpCounts &to, const OpCounts &from) {
  to.executed += from.executed;
  to.threads += from.threads;
  to.requests += from.requests;
  to.pieces += from.pieces;
  to.divergent += from.divergent;
  to.wavefronts += from.wavefronts;
}

class ParallelRun {
 public:
  ParallelRun(const Plan &plan, Budget budget)
      : plan_(plan),
        budget_(budget),
        blocks_(plan.launch.grid.count()),
        parts_(size_t(std::min(blocks_, kParts))),
        claims_(plan.context.arena),
        known_(plan.context.arena) {}

  Outcome run() {
    run_first_part();
    const size_t helpers = std::min<size_t>(plan_.options.threads, parts_.size()) - 1;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < helpers; ++i) threads.emplace_back([this] { work(); });
    work();
    for (std::thread &each : threads) each.join();
    if (failure_) std::rethrow_exception(failure_);
    return merge();
  }

 private:
  // Shows which allocations are written, so that reads of the others are cheap to note.
  void run_first_part() {
    Worker worker(plan_, budget_);
    Claims claims(plan_.context.arena);
    std::fill_n(claims.extents(), plan_.context.arena.extents().size(), kExtentWritten);
    worker.claim(claims);
    run_part(worker, claims, next_++);
    std::fill_n(claims_.extents(), plan_.context.arena.extents().size(), uint8_t(0));
    claims_.learn_written(plan_.context.arena);
    known_.know_written(claims_);
  }

  void run_part(Worker &worker, Claims &claims, size_t part) {
    worker.run_blocks(blocks_ * part / parts_.size(), blocks_ * (part + 1) / parts_.size());
    const bool stopped = worker.run().stop.stopped;
    parts_[part] = worker.harvest();
    const std::lock_guard<std::mutex> lock(mutex_);
    overlap_ |= !claims_.absorb(claims);
    if (stopped) stopped_ = std::min<size_t>(stopped_, part);
  }

  // One thread: takes parts until none is left or an earlier one has stopped the launch.
  void work() {
    try {
      Worker worker(plan_, budget_);
      Claims claims(plan_.context.arena);
      claims.know_written(known_);
      worker.claim(claims);
      for (size_t part = next_++; part < std::min<size_t>(parts_.size(), stopped_); part = next_++) {
        run_part(worker, claims, part);
        if (worker.run().stop.stopped) return;
      }
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex_);
      failure_ = std::current_exception();
      stopped_ = 0;
    }
  }

  // Adds the parts in the order of blocks, up to the first that stopped.
  Outcome merge() {
    Outcome outcome{std::move(*parts_[0]), overlap_ || !claims_.reads_are_known(plan_.context.arena)};
    uint64_t executed = executed_by(outcome.harvest.run);
    for (size_t part = 1; part < parts_.size() && !outcome.harvest.run.stop.stopped; ++part) {
      Worker::Harvest &next = *parts_[part];
      executed += executed_by(next.run);
      for (size_t i = 0; i < next.op_counts.size(); ++i) add(outcome.harvest.op_counts[i], next.op_counts[i]);
      outcome.harvest.counts.blocks += next.counts.blocks;
      outcome.harvest.counts.warps += next.counts.warps;
      outcome.harvest.counts.async_copies_dropped += next.counts.async_copies_dropped;
      outcome.harvest.counts.threads += next.counts.threads;
      outcome.harvest.printed += next.printed;
      outcome.harvest.faults = next.faults;
      outcome.harvest.run = next.run;
    }
    outcome.needs_one_thread |= executed > budget_.warp_instructions;
    outcome.needs_one_thread |= outcome.harvest.run.stop.stopped && outcome.harvest.run.stop.kind == FaultKind::budget;
    return outcome;
  }

  const Plan &plan_;
  const Budget budget_;
  const uint64_t blocks_;
  std::vector<std::optional<Worker::Harvest>> parts_;
  std::atomic<size_t> next_{0}, stopped_{~size_t(0)};
  std::mutex mutex_;
  Claims claims_, known_;              // of all parts so far; what the first part showed
  bool overlap_ = false;
  std::exception_ptr failure_;
};

}  // namespace

Outcome run_in_parallel(const Plan &plan, Budget budget) { return ParallelRun(plan, budget).run(); }

}  // namespace vgpu
