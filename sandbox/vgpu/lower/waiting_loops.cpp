// A loop may wait for another thread if a branch out of it depends on what a synchronising read in it brought: an
// atomic, a volatile, relaxed, acquire or .cv load, a test of an mbarrier; or any load where the loop has a fence or
// sleeps. A call counts as such a read if its function has one, or calls another. Natural loops:
// https://en.wikipedia.org/wiki/Natural_loop. Finding too many costs time, never a result.
#include "waiting_loops.h"

#include <algorithm>

#include "../isa/isa.h"
#include "modifiers.h"

namespace vgpu {
namespace {

bool is_fence(std::string_view opcode) {
  const std::string_view base = token_at(opcode, 0);
  return base == "membar" || base == "fence" || base == "nanosleep";
}

bool synchronises(std::string_view opcode) {
  const std::string_view base = token_at(opcode, 0);
  if (base == "atom") return true;
  if (base == "mbarrier") return has_token(opcode, "test_wait") || has_token(opcode, "try_wait");
  if (base != "ld") return false;
  for (const char *order : {"volatile", "relaxed", "acquire", "mmio", "cv"}) {
    if (has_token(opcode, order)) return true;
  }
  return false;
}

constexpr uint32_t kCalleeInstructions = 200;    // allowed for a call, whose function is not lowered yet

// Addition with a result, of a word that is not known to be in shared memory.
bool gives_numbers(const Draft &draft) {
  if (!draft.source || token_at(draft.source->opcode, 0) != "atom") return false;
  const std::string_view opcode = draft.source->opcode;
  return opcode.find(".shared") == std::string_view::npos &&
         (has_token(opcode, "add") || has_token(opcode, "inc") || has_token(opcode, "dec"));
}

// A load or store (`base`) of shared memory, or by a generic address.
bool may_be_shared(const Draft &draft, std::string_view base) {
  if (!draft.source || token_at(draft.source->opcode, 0) != base) return false;
  const std::string_view opcode = draft.source->opcode;
  for (const char *space : {"global", "local", "param", "const"}) {
    if (has_token(opcode, space)) return false;
  }
  return true;
}

bool is_call(const Draft &draft) {
  return draft.op.form == form_call || draft.op.form == form_call_indirect;
}

// What all loops of a function share: which blocks lead to a block, which drafts read a register.
struct Graph {
  explicit Graph(const DraftFunction &of, const Flow &with)
      : function(of), flow(with), predecessors(with.blocks.size()), readers(of.registers.size()) {
    for (uint32_t b = 0; b < flow.blocks.size(); ++b) {
      for (const uint32_t next : flow.blocks[b].successors) predecessors[next].push_back(b);
    }
    for (uint32_t i = 0; i < function.drafts.size(); ++i) {
      const Draft &draft = function.drafts[i];
      if (draft.guard >= 0) readers[size_t(draft.guard)].push_back(i);
      for (const Reference &each : draft.references) {
        if (!each.writes) readers[each.reg].push_back(i);
      }
    }
  }

  const DraftFunction &function;
  const Flow &flow;
  std::vector<std::vector<uint32_t>> predecessors, readers;
};

class Loop {
 public:
  // All loops with one head are one.
  Loop(const Graph &graph, const CalleeWaits &callee_waits, uint32_t head, std::vector<uint32_t> latches)
      : graph_(graph),
        function_(graph.function),
        flow_(graph.flow),
        callee_waits_(callee_waits),
        inside_(graph.flow.blocks.size(), false) {
    inside_[head] = true;
    collect(std::move(latches));
  }

  uint32_t instructions() const {
    uint32_t count = 0;
    for (uint32_t b = 0; b < inside_.size(); ++b) {
      if (inside_[b]) count += flow_.blocks[b].last - flow_.blocks[b].first + 1;
    }
    any_draft([&](const Draft &draft) {
      count += is_call(draft) ? kCalleeInstructions : 0;
      return false;
    });
    return count;
  }

  // The atomics in it that give out numbers, if some branch out of it depends on these.
  std::vector<uint32_t> deals() const {
    std::vector<uint32_t> found;
    any_draft([&](const Draft &draft) {
      if (gives_numbers(draft)) found.push_back(index_of(draft));
      return false;
    });
    if (found.empty()) return {};
    std::vector<bool> tainted(function_.registers.size(), false);
    spread(tainted, gives_numbers);
    if (any_draft([&](const Draft &draft) { return may_be_shared(draft, "st") && depends(draft, tainted); }))
      spread(tainted, [](const Draft &draft) { return may_be_shared(draft, "ld"); });
    const auto ends = [&](const Draft &draft) { return leaves(draft) && depends(draft, tainted); };
    return any_draft(ends) ? found : std::vector<uint32_t>();
  }

  // Some synchronising read in it is not known to be of shared memory.
  bool reads_global() const {
    return any_draft([&](const Draft &draft) {
      if (!draft.source) return false;
      if (is_call(draft)) return callee_waits_(draft);
      const std::string_view opcode = draft.source->opcode, base = token_at(opcode, 0);
      const bool reads = synchronises(opcode) || (base == "ld" && token_at(opcode, 1) != "param");
      return reads && base != "mbarrier" && opcode.find(".shared") == std::string_view::npos;
    });
  }

  // Some branch out of the loop depends on a synchronising read in it.
  bool may_wait() const {
    const bool fenced = any_draft([](const Draft &draft) { return draft.source && is_fence(draft.source->opcode); });
    const auto reads = [&](const Draft &draft) {
      if (!draft.source) return false;
      if (is_call(draft)) return callee_waits_(draft);
      const std::string_view opcode = draft.source->opcode;
      return synchronises(opcode) || (fenced && token_at(opcode, 0) == "ld" && token_at(opcode, 1) != "param");
    };
    if (!any_draft(reads)) return false;
    std::vector<bool> tainted(function_.registers.size(), false);
    const bool calls = any_draft([&](const Draft &draft) { return is_call(draft) && callee_waits_(draft); });
    for (size_t i = 0; calls && i < tainted.size(); ++i) tainted[i] = function_.registers[i].home == Home::fixed;
    spread(tainted, reads);
    return any_draft([&](const Draft &draft) { return leaves(draft) && depends(draft, tainted); });
  }

 private:
  uint32_t index_of(const Draft &draft) const { return uint32_t(&draft - function_.drafts.data()); }

  // The blocks from which a latch is reached without passing the head.
  void collect(std::vector<uint32_t> rest) {
    while (!rest.empty()) {
      const uint32_t b = rest.back();
      rest.pop_back();
      if (inside_[b]) continue;
      inside_[b] = true;
      rest.insert(rest.end(), graph_.predecessors[b].begin(), graph_.predecessors[b].end());
    }
  }

  template <class Test>
  bool any_draft(Test test) const {
    for (uint32_t b = 0; b < inside_.size(); ++b) {
      for (uint32_t i = flow_.blocks[b].first; inside_[b] && i <= flow_.blocks[b].last; ++i) {
        if (test(function_.drafts[i])) return true;
      }
    }
    return false;
  }

  bool depends(const Draft &draft, const std::vector<bool> &tainted) const {
    if (draft.guard >= 0 && tainted[size_t(draft.guard)]) return true;
    return std::any_of(draft.references.begin(), draft.references.end(),
                       [&](const Reference &each) { return !each.writes && tainted[each.reg]; });
  }

  // Taints what the reads of the loop bring, and what is computed from tainted registers in it.
  template <class Reads>
  void spread(std::vector<bool> &tainted, Reads reads) const {
    std::vector<uint32_t> rest;
    for (uint32_t reg = 0; reg < tainted.size(); ++reg) {
      if (tainted[reg]) rest.push_back(reg);
    }
    const auto taint = [&](const Draft &draft) {
      for (const Reference &each : draft.references) {
        if (!each.writes || tainted[each.reg]) continue;
        tainted[each.reg] = true;
        rest.push_back(each.reg);
      }
    };
    any_draft([&](const Draft &draft) {
      if (reads(draft)) taint(draft);
      return false;
    });
    while (!rest.empty()) {
      const uint32_t reg = rest.back();
      rest.pop_back();
      for (const uint32_t i : graph_.readers[reg]) {
        if (inside_[flow_.block_of[i]]) taint(function_.drafts[i]);
      }
    }
  }

  // A conditional branch or return in a block of which some way leads out.
  bool leaves(const Draft &draft) const {
    const uint16_t form = draft.op.form;
    if (form == form_ret_if || form == form_exit_if) return true;
    if (form != form_bra_if && form != form_brx_idx) return false;
    const Block &block = flow_.blocks[flow_.block_of[index_of(draft)]];
    return std::any_of(block.successors.begin(), block.successors.end(), [&](uint32_t b) { return !inside_[b]; });
  }

  const Graph &graph_;
  const DraftFunction &function_;
  const Flow &flow_;
  const CalleeWaits &callee_waits_;
  std::vector<bool> inside_;
};

template <class Visit>
void for_each_loop(const DraftFunction &function, const Flow &flow, const CalleeWaits &callee_waits, Visit visit) {
  const Graph graph(function, flow);
  for (uint32_t head = 0; head < flow.blocks.size(); ++head) {
    std::vector<uint32_t> latches = graph.predecessors[head];      // those from which it is a jump back
    latches.erase(latches.begin(), std::lower_bound(latches.begin(), latches.end(), head));
    if (!latches.empty()) visit(head, Loop(graph, callee_waits, head, std::move(latches)));
  }
}

}  // namespace

bool synchronises(const ptx::Function &function) {
  return std::any_of(function.body.begin(), function.body.end(), [](const ptx::Instruction &instruction) {
    return synchronises(std::string_view(instruction.opcode)) || token_at(instruction.opcode, 0) == "call";
  });
}

std::vector<WaitingLoop> find_waiting_loops(const DraftFunction &function, const Flow &flow,
                                            const CalleeWaits &callee_waits) {
  std::vector<WaitingLoop> loops(flow.blocks.size());
  const bool any = std::any_of(function.drafts.begin(), function.drafts.end(), [&](const Draft &draft) {
    if (is_call(draft)) return callee_waits(draft);
    return draft.source && (synchronises(draft.source->opcode) || is_fence(draft.source->opcode));
  });
  if (!any) return loops;
  for_each_loop(function, flow, callee_waits, [&](uint32_t head, const Loop &loop) {
    if (loop.may_wait()) loops[head] = {loop.instructions(), loop.reads_global()};
  });
  return loops;
}

void mark_queues(DraftFunction &function, const Flow &flow, bool is_called) {
  if (std::none_of(function.drafts.begin(), function.drafts.end(), gives_numbers)) return;
  for (Draft &draft : function.drafts) {
    if (is_called && gives_numbers(draft)) draft.op.flags |= kDealsWork;
  }
  if (is_called) return;
  const CalleeWaits no_calls = [](const Draft &) { return false; };
  for_each_loop(function, flow, no_calls, [&](uint32_t, const Loop &loop) {
    for (const uint32_t each : loop.deals()) function.drafts[each].op.flags |= kDealsWork;
  });
}

}  // namespace vgpu
