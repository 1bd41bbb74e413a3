#include "findings.h"

#include <algorithm>

#include "../report.h"

namespace vgpu {

bool Findings::add(const Run &run, const Finding &finding) {
  const Key key{finding.is_remark, finding.stop.kind, finding.stop.op, finding.other.op};
  std::vector<Fault> &list = finding.is_remark ? remarks_ : faults_;
  const auto found = known_.find(key);
  if (found != known_.end()) {
    list[found->second].occurrences += finding.count;
    return false;
  }
  if (list.size() == most_) return !finding.is_remark;
  known_.emplace(key, list.size());
  list.push_back(describe_fault(context_, run, finding.stop));
  list.back().occurrences = finding.count;
  if (finding.other.op) list.back().others.push_back(describe_party(context_, run, finding.other));
  return !finding.is_remark && list.size() == most_;
}

void Findings::forget() {
  known_.clear();
  faults_.clear();
  remarks_.clear();
}

void merge_findings(std::vector<Fault> &to, const std::vector<Fault> &from, size_t most) {
  const auto place = [](const Fault &x) {
    return std::make_tuple(x.kind, x.ptx_line, x.instruction, x.others.empty() ? 0 : x.others[0].ptx_line);
  };
  for (const Fault &each : from) {
    const auto same = std::find_if(to.begin(), to.end(), [&](const Fault &x) { return place(x) == place(each); });
    if (same != to.end()) same->occurrences += each.occurrences;
    else if (to.size() < most) to.push_back(each);
  }
}

void note_finding(Run &run, const Finding &finding) {
  if (!static_cast<Findings *>(run.findings)->add(run, finding)) return;
  run.stop = finding.stop;
  run.stop.stopped = true;
  run.goes_on = false;
}

}  // namespace vgpu
