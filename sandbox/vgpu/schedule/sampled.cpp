#include "sampled.h"

#include <algorithm>
#include <optional>

#include "../report.h"
#include "sample.h"

namespace vgpu {
namespace {

Options on_one_thread(Options options) {
  options.threads = 1;
  return options;
}

void widen(Range &range, uint64_t value, bool first) {
  range.least = first ? value : std::min(range.least, value);
  range.most = first ? value : std::max(range.most, value);
}

uint64_t sectors_of(const Counts &counts) {
  return counts.global_load_sectors + counts.global_store_sectors + counts.local_sectors;
}

uint64_t wavefronts_of(const Counts &counts) {
  return counts.shared_load_wavefronts + counts.shared_store_wavefronts + counts.shared_atomic_wavefronts;
}

// Every count of one block; those of the caches are what they saw since `before`.
Counts counts_of_block(const Plan &plan, const Worker::Harvest &block, const Counts &before) {
  LaunchReport report;
  report.counts = block.counts;
  add_counts(plan.program, block.run, block.op_counts, report, false, plan.context.module);
  if (!plan.context.caches) return report.counts;
  Counts after;
  plan.context.caches->add_to(after);
  report.counts.l1_load_wavefronts = after.l1_load_wavefronts - before.l1_load_wavefronts;
  report.counts.l1_miss_sectors = after.l1_miss_sectors - before.l1_miss_sectors;
  report.counts.l2_read_sectors = after.l2_read_sectors - before.l2_read_sectors;
  report.counts.l2_write_sectors = after.l2_write_sectors - before.l2_write_sectors;
  report.counts.dram_read_sectors = after.dram_read_sectors - before.dram_read_sectors;
  return report.counts;
}

void add_block(StratumReport &stratum, const Counts &block) {
  const bool first = stratum.sampled++ == 0;
  widen(stratum.warp_instructions, block.warp_instructions, first);
  widen(stratum.sectors, sectors_of(block), first);
  widen(stratum.wavefronts, wavefronts_of(block), first);
  widen(stratum.chain_cycles, block.chain_cycles_max, first);
  stratum.counts.add(block);
}

class SampledRun {
 public:
  SampledRun(const Plan &timed, const Plan &outside, Budget budget)
      : plan_(timed),
        sample_(timed.launch.grid, timed.options.sample_blocks, timed.options.sample_seed),
        left_(budget.warp_instructions),
        timed_(timed, budget),
        outside_(outside, budget) {}

  Worker::Harvest run(SampleReport &report) {
    report.only = plan_.options.sample_only;
    for (const Stratum &stratum : sample_.strata()) report.strata.emplace_back().blocks = stratum.blocks();
    uint64_t next = 0;
    for (const SampledBlock &block : sample_.blocks()) {
      run_others(next, block.number);
      if (stopped()) break;
      run_sampled_block(block.number, report.strata[block.stratum]);
      if (stopped()) break;
      next = block.number + 1;
    }
    if (!stopped()) run_others(next, plan_.launch.grid.count());
    return merge();
  }

 private:
  bool stopped() const { return timed_.run().stop.stopped || outside_.run().stop.stopped; }

  void run_blocks(Worker &worker, uint64_t first, uint64_t last) {
    worker.grant({left_});
    worker.run_blocks(first, last);
    left_ -= std::min(left_, executed_by(worker.run()));
  }

  void run_others(uint64_t first, uint64_t last) {
    if (!plan_.options.sample_only && first < last) run_blocks(outside_, first, last);
  }

  void run_sampled_block(uint64_t number, StratumReport &stratum) {
    Counts before;
    if (plan_.context.caches) plan_.context.caches->add_to(before);
    run_blocks(timed_, number, number + 1);
    Worker::Harvest block = timed_.harvest();
    if (!block.run.stop.stopped) add_block(stratum, counts_of_block(plan_, block, before));
    if (sampled_) sampled_->append(block, plan_.options.max_faults);
    else sampled_ = std::move(block);
  }

  // The one that was stopped, if one was, says how the launch ended.
  Worker::Harvest merge() {
    Worker::Harvest others = outside_.harvest();
    if (!sampled_) return others;
    if (outside_.run().stop.stopped) {
      sampled_->append(others, plan_.options.max_faults);
      return std::move(*sampled_);
    }
    others.append(*sampled_, plan_.options.max_faults);
    return others;
  }

  const Plan &plan_;
  const Sample sample_;
  uint64_t left_;
  Worker timed_, outside_;
  std::optional<Worker::Harvest> sampled_;
};

}  // namespace

std::string why_in_full(const Program &program, const Launch &launch, const Options &options) {
  if (options.track_uninitialised || options.check_races || options.max_faults > 1 || options.order != 0)
    return "something is looked for in every block";
  if (!options.caches && !options.scoreboard && !options.sample_only) return "nothing is watched that a sample saves";
  if (launch.cooperative || program.communicates) return "its blocks can depend on each other";
  if (launch.grid.count() < kLeastShare * options.sample_blocks)
    return "its grid has fewer than " + std::to_string(kLeastShare * options.sample_blocks) + " blocks";
  return {};
}

SampledPlans::SampledPlans(const LaunchContext &context, const Program &program, const Launch &launch,
                           const Options &given)
    : options(on_one_thread(given)),
      timed(context, program, launch, options),
      outside(context, program, launch, options) {
  outside.outside_sample = true;
}

Worker::Harvest run_sampled(const SampledPlans &plans, Budget budget, SampleReport &report) {
  return SampledRun(plans.timed, plans.outside, budget).run(report);
}

}  // namespace vgpu
