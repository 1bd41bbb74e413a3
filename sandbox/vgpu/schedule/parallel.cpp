#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "written.h"

namespace vgpu {
namespace {

constexpr uint64_t kPartsOfThread = 16;

// Requests are counted along with the claims; a launch without counters reports none.
void forget_requests(std::vector<OpCounts> &counts) {
  for (OpCounts &each : counts) each.requests = each.pieces = each.wavefronts = 0;
}

// Hands out the parts. Each thread has a stretch of its own, because neighbouring blocks tend to write to the same
// lines of the host's caches; one that has no more takes from the stretch of another.
class Parts {
 public:
  Parts(size_t count, size_t threads) : count_(count), next_(threads) {
    for (size_t i = 0; i < threads; ++i) next_[i] = begin_of(i);
  }
  size_t threads() const { return next_.size(); }

  // The next part for a thread; none when all are taken.
  std::optional<size_t> take(size_t thread) {
    for (size_t i = 0; i < threads(); ++i) {
      const size_t from = (thread + i) % threads(), part = next_[from]++;
      if (part < begin_of(from + 1)) return part;
    }
    return std::nullopt;
  }

 private:
  size_t begin_of(size_t thread) const { return count_ * thread / threads(); }
  const size_t count_;
  std::vector<std::atomic<size_t>> next_;      // of each thread's stretch
};

class ParallelRun {
 public:
  ParallelRun(const Plan &plan, Budget budget)
      : plan_(plan),
        budget_(budget),
        blocks_(plan.launch.grid.count()),
        parts_(size_t(std::min(blocks_, kPartsOfThread * plan.options.threads))),
        waiting_(parts_.size(), std::min<size_t>(plan.options.threads, parts_.size())),
        written_(find_written(plan.program, plan.launch, plan.context.arena.extents())),
        claims_(plan.context.claims.get(0)) {
    claims_.begin(written_);
    plan.context.claims.get(waiting_.threads());     // all of them, before a thread runs that an exception would leave
  }

  Outcome run() {
    std::vector<std::thread> threads = start_helpers();
    work(0, plan_.context.claims.get(1));
    for (std::thread &each : threads) each.join();
    if (failure_) std::rethrow_exception(failure_);
    return merge();
  }

 private:
  // A host that refuses a thread only makes the launch slower.
  std::vector<std::thread> start_helpers() {
    std::vector<std::thread> threads;
    threads.reserve(waiting_.threads());
    try {
      for (size_t i = 1; i < waiting_.threads(); ++i) {
        Claims &claims = plan_.context.claims.get(i + 1);
        threads.emplace_back([this, i, &claims] { work(i, claims); });
      }
    } catch (const std::system_error &) {
      return threads;
    }
    return threads;
  }

  void run_part(Worker &worker, Claims &claims, size_t part) {
    worker.run_blocks(blocks_ * part / parts_.size(), blocks_ * (part + 1) / parts_.size());
    const bool stopped = worker.run().stop.stopped;
    parts_[part] = worker.harvest();
    worker.finish_claims();
    const std::lock_guard<std::mutex> lock(mutex_);
    overlap_ |= !claims_.absorb(claims);
    if (stopped) stopped_ = std::min<size_t>(stopped_, part);
  }

  // One thread: takes parts until none is left or an earlier one has stopped the launch.
  void work(size_t thread, Claims &claims) {
    try {
      Worker worker(plan_, budget_);
      claims.begin(written_);
      worker.claim(claims);
      while (const std::optional<size_t> part = waiting_.take(thread)) {
        if (*part > stopped_) continue;
        run_part(worker, claims, *part);
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
    Outcome outcome{std::move(*parts_[0]), overlap_ || !claims_.reads_are_known()};
    uint64_t executed = executed_by(outcome.harvest.run);
    for (size_t part = 1; part < parts_.size() && !outcome.harvest.run.stop.stopped; ++part) {
      const Worker::Harvest &next = *parts_[part];
      executed += executed_by(next.run);
      outcome.harvest.append(next, plan_.options.max_faults);
    }
    if (!plan_.options.counters && !plan_.options.lines) forget_requests(outcome.harvest.op_counts);
    outcome.needs_one_thread |= executed > budget_.warp_instructions;
    outcome.needs_one_thread |= outcome.harvest.run.stop.stopped;      // later blocks may have run as well
    return outcome;
  }

  const Plan &plan_;
  const Budget budget_;
  const uint64_t blocks_;
  std::vector<std::optional<Worker::Harvest>> parts_;
  Parts waiting_;
  std::atomic<size_t> stopped_{~size_t(0)};
  std::mutex mutex_;
  const std::vector<bool> written_;    // of each allocation: the kernel may write it
  Claims &claims_;                     // of all parts so far
  bool overlap_ = false;
  std::exception_ptr failure_;
};

}  // namespace

Outcome run_in_parallel(const Plan &plan, Budget budget) { return ParallelRun(plan, budget).run(); }

}  // namespace vgpu
