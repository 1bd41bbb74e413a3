// What a launch has found that did not stop it: races, faults after which it went on, remarks. Each different one (its
// kind and its instruction; of a race, its two source lines) is described once, the first time; later ones are counted.
#pragma once

#include <map>
#include <tuple>

#include "../exec/run.h"
#include "../launch.h"

namespace vgpu {

class Findings {
 public:
  // Of each, faults and remarks, at most `most` different ones are kept.
  Findings(const LaunchContext &context, uint32_t most) : context_(context), most_(most) {}

  // Returns whether that was the last fault that is kept: the launch stops.
  bool add(const Run &, const Finding &);

  const std::vector<Fault> &faults() const { return faults_; }
  const std::vector<Fault> &remarks() const { return remarks_; }
  void forget();

 private:
  using Key = std::tuple<bool, FaultKind, std::pair<uint64_t, uint64_t>>;
  const LaunchContext &context_;
  const uint32_t most_;
  std::map<Key, size_t> known_;        // its place among faults_ or remarks_
  std::vector<Fault> faults_, remarks_;
};

// Adds what later blocks have found to what earlier ones have, at most `most` different ones.
void merge_findings(std::vector<Fault> &to, const std::vector<Fault> &from, size_t most);

// Run::finding_call.
void note_finding(Run &, const Finding &);

}  // namespace vgpu
