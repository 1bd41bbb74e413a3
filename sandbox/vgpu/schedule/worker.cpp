#include "worker.h"

#include <algorithm>

#include "../exec/claim_notes.h"
#include "../report.h"

namespace vgpu {
namespace {

void add(OpCounts &to, const OpCounts &from) {
  to.executed += from.executed;
  to.threads += from.threads;
  to.requests += from.requests;
  to.pieces += from.pieces;
  to.divergent += from.divergent;
  to.wavefronts += from.wavefronts;
}

Run make_run(const Plan &plan, OpCounts *counts, HostState *host, Findings *findings) {
  const LaunchContext &context = plan.context;
  Run run;
  run.program = &plan.program;
  run.ops = plan.ops.data();
  run.counts = counts;
  run.bias = context.arena.bias();
  run.extents = context.arena.extents().data();
  run.extent_count = uint32_t(context.arena.extents().size());
  if (plan.watch == Watch::tracking) run.known_global = context.arena.known_bias();
  run.shared_extents = plan.shared_extents.data();
  run.shared_extent_count = uint32_t(plan.shared_extents.size());
  run.device_shared_bytes = plan.device_shared_bytes;
  run.local_stride = plan.local_stride;
  run.params = plan.launch.params.data();
  run.grid = plan.launch.grid;
  run.block = plan.launch.block;
  run.threads = plan.threads;
  run.warps = plan.warps;
  run.dynamic_shared_bytes = plan.launch.dynamic_shared_bytes;
  run.poison = context.poison;
  run.grid_id = context.grid_id;
  run.grid_workspace = plan.launch.cooperative ? kWorkspaceAddress : 0;
  run.sms = context.limits.sms;
  run.latencies = plan.latencies.data();
  run.unit_slots = plan.unit_slots.data();
  run.activation_call = change_activation;
  run.host_call = call_host_function;
  run.tally_call = tally_update;
  run.cache_call = plan.outside_sample ? pass_caches : ask_caches;
  run.host = host;
  run.recall_call = recall_unknown;
  run.remember_call = remember_unknown;
  run.finding_call = note_finding;
  run.findings = findings;
  run.goes_on = plan.options.max_faults > 1;
  return run;
}

}  // namespace

Worker::Worker(const Plan &plan, Budget budget)
    : plan_(plan),
      counts_(plan.program.ops.size()),
      host_{plan.context.arena, "", "", {}, plan.context.caches, plan.options.timing, {}},
      findings_(plan.context, plan.options.max_faults),
      racer_(plan.watch == Watch::races
                 ? std::make_unique<Racer>(plan.context, plan.program, plan.launch, plan.ops.data(), plan.options.plain)
                 : nullptr),
      run_(make_run(plan, counts_.data(), &host_, &findings_)),
      order_(plan.options.order, plan.launch.grid.count(), plan.resident) {
  run_.race = racer_.get();
  run_.unknown_words = &unknown_words_;
  grant(budget);
}

void Worker::grant(Budget budget) {
  run_.granted = run_.reserve = int64_t(std::min<uint64_t>(budget.warp_instructions, uint64_t(1) << 62));
}

Worker::Block Worker::next_block(uint64_t number) {
  if (unused_.empty()) unused_.push_back(std::make_unique<LiveBlock>(plan_, run_, racer_.get()));
  Block block = std::move(unused_.back());
  unused_.pop_back();
  block->start(run_, number, now_);
  return block;
}

void Worker::note_most(const LiveBlock &block) {
  const auto raise = [](uint64_t &most, uint64_t own) { most = std::max(most, own); };
  raise(timed_.block_instructions_max, block.executed());
  const Scoreboard *timed = block.timed();
  if (!timed) return;
  timed_.chain_cycles_sum += timed->block_cycles();
  raise(timed_.chain_cycles_max, timed->block_cycles());
  raise(timed_.block_pipe_cycles_max, timed->bank_cycles());
  raise(timed_.block_replays_max, timed->replays());
  raise(timed_.block_issue_slots_max, timed->done().slots[UnitSlots::kAll]);
  for (uint32_t i = 0; i < UnitSlots::kUnits; ++i)
    raise(timed_.block_slots_by_class[size_t(UnitSlots::kClasses[i])], timed->done().slots[i]);
}

void Worker::finish(Block block) {
  ++blocks_;
  block->end(run_);
  copies_dropped_ += run_.stop.stopped ? 0 : block->copies_left();
  note_most(*block);
  unused_.push_back(std::move(block));
}

// Usually a stuck block makes room for the next at once. In another order a window's blocks wait for each other, so the
// next window begins only when they have all had a turn in vain; then it begins whole, for they may all wait for it
// (one block a round would cost a grid barrier the square of its blocks).
bool Worker::may_begin_another() const {
  if (waiting_.size() + taking_.size() >= plan_.resident) return false;
  if (plan_.options.order == 0 || waiting_.size() < BlockOrder::kWindow) return true;
  return begin_freely_ > 0 || in_vain_ >= waiting_.size();
}

// A block that is stuck has a turn after as many of the others as there are. Where one goes on the next follows at
// once: at a barrier of the grid they all wait for one thing, and none is to find the queue behind it emptied.
Worker::Block Worker::next_turn() {
  if (taking_.empty() || (!waiting_.empty() && (stuck_are_next_ || turns_of_taking_ >= taking_.size())))
    return next_stuck();
  ++turns_of_taking_;
  began_ = was_stuck_ = false;
  auto next = taking_.extract(taking_.begin());
  now_ = std::max(now_, next.key().first);
  return std::move(next.mapped());
}

Worker::Block Worker::next_stuck() {
  turns_of_taking_ = 0;
  began_ = false;
  was_stuck_ = true;
  Block block = std::move(waiting_.front());
  waiting_.pop_front();
  stuck_at_ = block->progress();
  block->wait_until(happened_);
  return block;
}

// All that go on after they were stuck do so from the same cycle. Asking in vain is no progress.
void Worker::note_progress(LiveBlock &block, bool stuck) {
  const bool goes_on = was_stuck_ && !stuck;
  if (was_stuck_ && stuck) block.fall_back_to(stuck_at_);
  latest_ = std::max(latest_, block.progress());
  if (!goes_on) happened_ = latest_;
  stuck_are_next_ = goes_on || began_;
}

void Worker::set_aside(Block block, LiveBlock::Outcome outcome) {
  const bool stuck = outcome == LiveBlock::Outcome::stuck;
  in_vain_ = stuck ? in_vain_ + 1 : 0;
  begin_freely_ = stuck ? begin_freely_ : 0;
  note_progress(*block, stuck);
  if (stuck) {
    waiting_.push_back(std::move(block));
  } else if (outcome == LiveBlock::Outcome::taking) {
    const std::pair<uint64_t, uint64_t> key(block->next_take(), block->number());
    taking_.emplace(key, std::move(block));
  } else {
    finish(std::move(block));
  }
}

void Worker::run_blocks(uint64_t first, uint64_t last) {
  while (!run_.stop.stopped && (first < last || !waiting_.empty() || !taking_.empty())) {
    Block block;
    if (first < last && may_begin_another()) {
      if (begin_freely_ > 0) --begin_freely_;
      else if (waiting_.size() >= BlockOrder::kWindow) begin_freely_ = BlockOrder::kWindow - 1;
      in_vain_ = 0;
      began_ = true;
      was_stuck_ = false;
      block = next_block(order_.at(first++));
    } else {
      block = next_turn();
    }
    const LiveBlock::Outcome outcome = block->run(run_);
    set_aside(std::move(block), outcome);
  }
}

void Worker::claim(Claims &claims) {
  run_.claims = claims.pages();
  run_.claimed = claims.touched();
  run_.extent_claims = claims.extents();
  read_alone_.assign(plan_.program.ops.size(), 0);
  run_.read_alone = read_alone_.data();
  boxes_.assign(plan_.program.ops.size(), ClaimBox{});
  for (uint32_t i = 0; i < boxes_.size(); ++i) boxes_[i].used = i;
  run_.claim_boxes = boxes_.data();
}

void Worker::finish_claims() {
  for (ClaimBox &box : boxes_) {
    note_box(run_, box);
    box.stretches = 0;
  }
}

void Worker::Harvest::append(const Harvest &next, uint32_t most_remarks) {
  for (size_t i = 0; i < next.op_counts.size(); ++i) add(op_counts[i], next.op_counts[i]);
  counts.add(next.counts);
  printed += next.printed;
  faults = next.faults;
  merge_findings(remarks, next.remarks, most_remarks);
  run = next.run;
}

Worker::Harvest Worker::harvest() {
  Harvest harvest{run_, std::move(counts_), base_counts(), findings_.faults(), findings_.remarks(),
                  std::move(host_.printed)};
  // A launch that was stopped by its last finding has it among them.
  if (run_.stop.stopped && harvest.faults.size() < plan_.options.max_faults)
    harvest.faults.push_back(describe_fault(plan_.context, run_, run_.stop));
  findings_.forget();
  counts_.assign(plan_.program.ops.size(), OpCounts{});
  run_.counts = counts_.data();
  run_.reserve = run_.granted;
  host_.printed.clear();
  blocks_ = copies_dropped_ = 0;
  timed_ = {};
  return harvest;
}

Counts Worker::base_counts() const {
  Counts counts = timed_;
  if (!plan_.options.scoreboard) counts.chain_cycles_sum = counts.chain_cycles_max = 0;
  counts.blocks = blocks_;
  counts.warps = blocks_ * plan_.warps;
  counts.threads = blocks_ * plan_.threads;
  counts.async_copies_dropped = copies_dropped_;
  return counts;
}

}  // namespace vgpu
