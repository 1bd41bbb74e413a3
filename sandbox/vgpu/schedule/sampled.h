// Runs a launch of which only a sample of blocks is watched closely (Options::sample_blocks).
//
// Blocks run in their usual order whether they are in the sample or not, so results and faults are those of any launch;
// and so is every count that the interpreter keeps. Only what L1 and the scoreboard say is of the sampled blocks: they
// cost several times what the rest does.
#pragma once

#include <string>

#include "worker.h"

namespace vgpu {

// Why all blocks of this launch are to be watched, though a sample was asked for; empty where a sample will do.
std::string why_in_full(const Program &, const Launch &, const Options &);

struct SampledPlans {
  SampledPlans(const LaunchContext &, const Program &, const Launch &, const Options &);

  const Options options;               // on one thread
  Plan timed, outside;
};

// Counts of the whole launch, and the report of its sample.
Worker::Harvest run_sampled(const SampledPlans &, Budget, SampleReport &);

}  // namespace vgpu
