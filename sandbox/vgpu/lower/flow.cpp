// Immediate post-dominators by Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm"
// (https://www.cs.tufts.edu/~nr/cs257/archive/keith-cooper/dom14.pdf), on the reversed graph.
//
// A lane that returns early never comes to a meeting point, so an early return must not stop the others from meeting.
// Two passes: with every return as an exit, then, for blocks that this leaves without a meeting point, with only the
// last return of the text as the exit. Any choice is functionally right, because lanes that returned are not waited
// for.
#include "flow.h"

#include <algorithm>

#include "../isa/isa.h"

namespace vgpu {

bool ends_block(uint16_t form) {
  switch (form) {
    case form_bra: case form_bra_if: case form_brx_idx: case form_call: case form_call_indirect: case form_call_host:
    case form_ret: case form_ret_if: case form_exit: case form_exit_if: case form_trap: case form_bar_sync:
    case form_bar_red_popc: case form_bar_red_pred: case form_unsupported:
      return true;
    default:
      return false;
  }
}

namespace {

bool falls_through(uint16_t form) {
  return form != form_bra && form != form_brx_idx && form != form_ret && form != form_exit && form != form_trap;
}

std::vector<bool> find_leaders(const DraftFunction &function) {
  std::vector<bool> leads(function.drafts.size() + 1, false);
  leads[0] = true;
  for (size_t i = 0; i < function.drafts.size(); ++i) {
    if (ends_block(function.drafts[i].op.form)) leads[i + 1] = true;
    for (const uint32_t target : function.drafts[i].targets) leads[function.first_draft[target]] = true;
  }
  return leads;
}

constexpr uint32_t kUnknown = kNone - 1;

// Post-dominators of one graph: for each node the node it must pass next; `exit` is the last node.
class PostDominators {
 public:
  PostDominators(const std::vector<std::vector<uint32_t>> &successors, uint32_t exit)
      : successors_(successors), exit_(exit), next_(successors.size(), kUnknown), order_(successors.size(), 0) {
    number();
    next_[exit] = exit;
    for (bool changed = true; changed;) {
      changed = false;
      for (const uint32_t node : visited_) changed |= node != exit_ && update(node);
    }
  }
  uint32_t operator[](uint32_t node) const { return next_[node]; }

 private:
  // Reverse post-order of the reversed graph.
  void number() {
    std::vector<std::vector<uint32_t>> predecessors(successors_.size());
    for (uint32_t node = 0; node < successors_.size(); ++node) {
      for (const uint32_t to : successors_[node]) predecessors[to].push_back(node);
    }
    std::vector<bool> seen(successors_.size(), false);
    std::vector<std::pair<uint32_t, size_t>> stack{{exit_, 0}};
    seen[exit_] = true;
    while (!stack.empty()) {
      auto &[node, at] = stack.back();
      if (at < predecessors[node].size()) {
        const uint32_t next = predecessors[node][at++];
        if (!seen[next]) stack.push_back({next, 0});
        seen[next] = true;
      } else {
        visited_.push_back(node);
        stack.pop_back();
      }
    }
    std::reverse(visited_.begin(), visited_.end());
    for (uint32_t i = 0; i < visited_.size(); ++i) order_[visited_[i]] = i;
  }

  bool update(uint32_t node) {
    uint32_t meet = kUnknown;
    for (const uint32_t to : successors_[node]) {
      if (next_[to] == kUnknown) continue;
      meet = meet == kUnknown ? to : intersect(meet, to);
    }
    const bool changed = next_[node] != meet;
    next_[node] = meet;
    return changed;
  }
  uint32_t intersect(uint32_t a, uint32_t b) const {
    while (a != b) {
      if (order_[a] > order_[b]) a = next_[a];
      else b = next_[b];
    }
    return a;
  }

  const std::vector<std::vector<uint32_t>> &successors_;
  uint32_t exit_;
  std::vector<uint32_t> next_, order_, visited_;
};

}  // namespace

Flow find_blocks(const DraftFunction &function) {
  const std::vector<bool> leads = find_leaders(function);
  Flow flow;
  flow.block_of.resize(function.drafts.size() + 1);
  for (uint32_t i = 0; i < function.drafts.size(); ++i) {
    if (leads[i]) flow.blocks.push_back({i, i, {}, false, kNone});
    flow.blocks.back().last = i;
    flow.block_of[i] = static_cast<uint32_t>(flow.blocks.size() - 1);
  }
  for (uint32_t b = 0; b < flow.blocks.size(); ++b) {
    Block &block = flow.blocks[b];
    const Draft &end = function.drafts[block.last];
    for (const uint32_t target : end.targets) {
      const uint32_t at = function.first_draft[target];
      if (at < function.drafts.size()) block.successors.push_back(flow.block_of[at]);
      else block.returns = true;
    }
    block.returns |= end.op.form == form_ret || end.op.form == form_exit;
    if (!falls_through(end.op.form)) continue;
    if (b + 1 < flow.blocks.size()) block.successors.push_back(b + 1);
    else block.returns = true;
  }
  return flow;
}

void find_reconvergence(Flow &flow) {
  const uint32_t exit = static_cast<uint32_t>(flow.blocks.size());
  std::vector<std::vector<uint32_t>> every(exit + 1), last_only(exit + 1);
  uint32_t last_return = kNone;
  for (uint32_t b = 0; b < exit; ++b) {
    every[b] = last_only[b] = flow.blocks[b].successors;
    if (flow.blocks[b].returns) {
      every[b].push_back(exit);
      last_return = b;
    }
  }
  if (last_return != kNone) last_only[last_return].push_back(exit);
  const PostDominators strict(every, exit), lenient(last_only, exit);
  for (uint32_t b = 0; b < exit; ++b) {
    if (strict[b] < exit) flow.blocks[b].reconverge = strict[b];
    else if (lenient[b] < exit) flow.blocks[b].reconverge = lenient[b];
  }
}

namespace {

struct Effects { std::vector<uint64_t> reads, writes; };

void set_bit(std::vector<uint64_t> &bits, uint32_t i) { bits[i / 64] |= uint64_t(1) << (i % 64); }
bool has_bit(const std::vector<uint64_t> &bits, uint32_t i) { return bits[i / 64] >> (i % 64) & 1; }

Effects effects_of(const DraftFunction &function, const Block &block) {
  const size_t words = (function.registers.size() + 63) / 64;
  Effects effects{std::vector<uint64_t>(words, 0), std::vector<uint64_t>(words, 0)};
  for (uint32_t i = block.first; i <= block.last; ++i) {
    const Draft &draft = function.drafts[i];
    const auto read = [&](uint32_t reg) {
      if (!has_bit(effects.writes, reg)) set_bit(effects.reads, reg);
    };
    for (const Reference &each : draft.references) {
      if (!each.writes) read(each.reg);
    }
    if (draft.guard >= 0) read(static_cast<uint32_t>(draft.guard));
    for (const Reference &each : draft.references) {
      if (each.writes && draft.guard < 0) set_bit(effects.writes, each.reg);
    }
  }
  return effects;
}

}  // namespace

std::vector<std::vector<uint64_t>> find_live_in(const DraftFunction &function, const Flow &flow) {
  std::vector<Effects> effects;
  for (const Block &block : flow.blocks) effects.push_back(effects_of(function, block));
  std::vector<std::vector<uint64_t>> live;
  for (const Effects &each : effects) live.push_back(each.reads);
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t b = flow.blocks.size(); b-- > 0;) {
      for (const uint32_t next : flow.blocks[b].successors) {
        for (size_t word = 0; word < live[b].size(); ++word) {
          const uint64_t added = live[next][word] & ~effects[b].writes[word] & ~live[b][word];
          live[b][word] |= added;
          changed |= added != 0;
        }
      }
    }
  }
  return live;
}

}  // namespace vgpu
