#include "findings.h"

#include <algorithm>

#include "../report.h"

namespace vgpu {
namespace {

uint64_t instruction_of(const Run &run, const Op *op) { return op ? uint64_t(op - run.ops) + 1 : 0; }

// The source line of an operation; 0 where it has none.
uint64_t line_of(const Run &run, const Op *op) {
  const Origin &origin = run.program->origins[size_t(op - run.ops)];
  return origin.line ? uint64_t(1) << 63 | uint64_t(origin.file) << 32 | origin.line : 0;
}

// Of a race the two lines, in whatever order: an unrolled loop has many copies of each, and every two of them meet.
std::pair<uint64_t, uint64_t> places_of(const Run &run, const Finding &finding) {
  const Op *op = finding.stop.op, *other = finding.other.op;
  const uint64_t line = op && other ? line_of(run, op) : 0, other_line = line ? line_of(run, other) : 0;
  if (!other_line) return {instruction_of(run, op), instruction_of(run, other)};
  return std::minmax({line, other_line});
}

}  // namespace

bool Findings::add(const Run &run, const Finding &finding) {
  const Key key{finding.is_remark, finding.stop.kind, places_of(run, finding)};
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
