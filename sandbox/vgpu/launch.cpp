#include "launch.h"

#include "exec/race_view.h"
#include "report.h"
#include "schedule/parallel.h"
#include "schedule/sampled.h"

namespace vgpu {

static std::string shape(const Dim3 &size) {
  return std::to_string(size.x) + " x " + std::to_string(size.y) + " x " + std::to_string(size.z);
}

std::string check_launch(const Program &program, const Launch &launch, const Limits &limits) {
  const Dim3 &block = launch.block, &grid = launch.grid, &most = program.info.max_threads;
  const uint64_t threads = block.count();
  if (threads == 0 || !grid.x || !grid.y || !grid.z)
    return "a block and a grid need at least one thread in every dimension";
  if (block.x > 1024 || block.y > 1024 || block.z > 64 || threads > limits.threads_per_block) {
    return "a block of " + std::to_string(threads) + " threads is larger than the device's limit of " +
           std::to_string(limits.threads_per_block);
  }
  if (grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535)
    return "the grid is larger than the device's limit of 2147483647 x 65535 x 65535 blocks";
  if (most.count() != 0 && threads > most.count()) {
    return "a block of " + std::to_string(threads) + " threads is larger than the " + std::to_string(most.count()) +
           " that the kernel was compiled for";
  }
  if (program.info.exact_threads && (block.x != most.x || block.y != most.y || block.z != most.z)) {
    return "a block of " + shape(block) + " threads is not the " + shape(most) + " that the kernel was compiled for";
  }
  const uint64_t shared = uint64_t(program.dynamic_shared_offset) + launch.dynamic_shared_bytes;
  if (shared > limits.shared_bytes_per_block) {
    return std::to_string(shared) + " bytes of shared memory a block are more than the device's " +
           std::to_string(limits.shared_bytes_per_block);
  }
  if (launch.cooperative && grid.count() > resident_blocks(program, launch, limits)) {
    return "a cooperative launch of " + std::to_string(grid.count()) + " blocks is more than the " +
           std::to_string(resident_blocks(program, launch, limits)) + " that the device can hold at once";
  }
  return {};
}

namespace {

Outcome run_serially(const Plan &plan, Budget budget) {
  Worker worker(plan, budget);
  worker.run_blocks(0, plan.launch.grid.count());
  Outcome outcome{worker.harvest(), false};
  outcome.harvest.counts.global_atomic_hottest = worker.host().tally.most();
  return outcome;
}

// While the plan is there, whose operations the outcome points to.
void report_outcome(const LaunchContext &context, const Program &program, const Options &options,
                    const Outcome &outcome, LaunchReport &report) {
  const Worker::Harvest &harvest = outcome.harvest;
  report.faults = harvest.faults;
  report.remarks = harvest.remarks;
  report.ended = !harvest.run.stop.stopped;
  report.counts = harvest.counts;
  add_counts(program, harvest.run, harvest.op_counts, report, options.lines, context.module);
  if (context.caches && options.caches) context.caches->add_to(report.counts);
  report.printed = harvest.printed;
  report.needs_one_thread = outcome.needs_one_thread;
}

LaunchReport run_all(const LaunchContext &context, const Program &program, const Launch &launch,
                     const Options &options, Budget budget) {
  LaunchReport report;
  if (context.caches) context.caches->begin_launch();
  const Plan plan(context, program, launch, options);
  const Outcome outcome = plan.parallel ? run_in_parallel(plan, budget) : run_serially(plan, budget);
  report_outcome(context, program, options, outcome, report);
  return report;
}

LaunchReport run_sample(const LaunchContext &context, const Program &program, const Launch &launch,
                        const Options &options, Budget budget) {
  LaunchReport report;
  if (context.caches) context.caches->begin_launch(!options.sample_only, options.sample_seed);
  const SampledPlans plans(context, program, launch, options);
  report_outcome(context, program, options, {run_sampled(plans, budget, report.sample), false}, report);
  // What is stored goes to L2, whether L1 is modelled or not; blocks with atomics are not sampled.
  if (options.caches) report.counts.l2_write_sectors = report.counts.global_store_sectors;
  return report;
}

LaunchReport run_program(const LaunchContext &context, const Program &program, const Launch &launch,
                         const Options &options, Budget budget) {
  if (options.sample_blocks == 0) return run_all(context, program, launch, options, budget);
  const std::string in_full = why_in_full(program, launch, options);
  if (in_full.empty()) return run_sample(context, program, launch, options, budget);
  LaunchReport report = run_all(context, program, launch, options, budget);
  report.sample.in_full = in_full;
  return report;
}

LaunchReport refuse(const Program &program, FaultKind kind, const std::string &why) {
  LaunchReport report;
  Fault fault{};
  fault.kind = kind;
  fault.message = why;
  fault.kernel = fault.function = program.info.name;
  report.faults.push_back(fault);
  report.ended = false;
  return report;
}

LaunchReport refuse_cluster(const Program &program) {
  const Dim3 &size = program.cluster;
  LaunchReport report = refuse(program, FaultKind::unsupported,
                               "the kernel asks for clusters of " + std::to_string(size.count()) +
                                   " blocks; the virtual GPU executes clusters of one block only");
  report.faults[0].ptx_line = program.cluster_line;
  report.faults[0].instruction = ".reqnctapercluster " + std::to_string(size.x) + ", " + std::to_string(size.y) + ", " +
                                 std::to_string(size.z);
  return report;
}

}  // namespace

LaunchReport run_launch(const LaunchContext &context, const Program &program, const Launch &launch,
                        const Options &options, Budget budget) {
  if (program.cluster.count() != 1) return refuse_cluster(program);
  if (options.check_races && program.ops.size() > kRaceOps) {
    return refuse(program, FaultKind::unsupported, "races are looked for in kernels of at most " +
                                                       std::to_string(kRaceOps) + " operations");
  }
  const std::string problem = check_launch(program, launch, context.limits);
  if (problem.empty()) return run_program(context, program, launch, options, budget);
  return refuse(program, FaultKind::invalid_launch, problem);
}

}  // namespace vgpu
