#include "findings.h"

#include "../report.h"

namespace vgpu {

bool Findings::add(const Run &run, const Finding &finding) {
  const Key key{finding.is_remark, finding.stop.kind, finding.stop.op, finding.other.op};
  std::vector<Fault> &list = finding.is_remark ? remarks_ : faults_;
  const auto found = known_.find(key);
  if (found != known_.end()) {
    list[found->second].occurrences += 1;
    return false;
  }
  if (list.size() == most_) return !finding.is_remark;
  known_.emplace(key, list.size());
  list.push_back(describe_fault(context_, run, finding.stop));
  if (finding.other.op) list.back().others.push_back(describe_party(context_, run, finding.other));
  return !finding.is_remark && list.size() == most_;
}

void note_finding(Run &run, const Finding &finding) {
  if (!static_cast<Findings *>(run.findings)->add(run, finding)) return;
  run.stop = finding.stop;
  run.stop.stopped = true;
}

}  // namespace vgpu
