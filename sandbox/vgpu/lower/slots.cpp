// Linear scan over the hulls of life times (Poletto and Sarkar, "Linear Scan Register Allocation", 1999).
// Time runs two ticks a draft: reads at 2 i, writes at 2 i + 1. Each kind of register has its own pool of places.
#include "slots.h"

#include <algorithm>
#include <queue>

namespace vgpu {

namespace {

struct Life { uint32_t reg, start, end; };

class Lives {
 public:
  explicit Lives(size_t registers) : start_(registers, kNone), end_(registers, 0) {}
  void extend(uint32_t reg, uint32_t time) {
    start_[reg] = std::min(start_[reg], time);
    end_[reg] = std::max(end_[reg], time);
  }
  std::vector<Life> sorted(const DraftFunction &function, char kind) const {
    std::vector<Life> lives;
    for (uint32_t reg = 0; reg < start_.size(); ++reg) {
      const VirtualRegister &each = function.registers[reg];
      if (start_[reg] != kNone && each.home == Home::slot && each.kind == kind)
        lives.push_back({reg, start_[reg], end_[reg]});
    }
    std::sort(lives.begin(), lives.end(), [](const Life &x, const Life &y) {
      return std::tie(x.start, x.reg) < std::tie(y.start, y.reg);
    });
    return lives;
  }

 private:
  std::vector<uint32_t> start_, end_;
};

Lives find_lives(const DraftFunction &function, const Flow &flow, const std::vector<std::vector<uint64_t>> &live_in) {
  Lives lives(function.registers.size());
  const auto extend_all = [&](const std::vector<uint64_t> &bits, uint32_t time) {
    for (uint32_t word = 0; word < bits.size(); ++word) {
      for (uint64_t rest = bits[word]; rest; rest &= rest - 1)
        lives.extend(word * 64 + uint32_t(__builtin_ctzll(rest)), time);
    }
  };
  for (size_t b = 0; b < flow.blocks.size(); ++b) {
    const Block &block = flow.blocks[b];
    extend_all(live_in[b], 2 * block.first);
    for (const uint32_t next : block.successors) extend_all(live_in[next], 2 * block.last + 1);
    for (uint32_t i = block.first; i <= block.last; ++i) {
      const Draft &draft = function.drafts[i];
      for (const Reference &each : draft.references) lives.extend(each.reg, 2 * i + each.writes);
      if (draft.guard >= 0) lives.extend(static_cast<uint32_t>(draft.guard), 2 * i);
    }
  }
  return lives;
}

// Numbers the places of one kind; returns how many are needed.
uint32_t number_places(const std::vector<Life> &lives, std::vector<uint32_t> &place) {
  using Busy = std::pair<uint32_t, uint32_t>;                       // end, place
  std::priority_queue<Busy, std::vector<Busy>, std::greater<Busy>> busy;
  std::vector<uint32_t> free;
  uint32_t count = 0;
  for (const Life &life : lives) {
    while (!busy.empty() && busy.top().first < life.start) {
      free.push_back(busy.top().second);
      busy.pop();
    }
    if (free.empty()) free.push_back(count++);
    place[life.reg] = free.back();
    free.pop_back();
    busy.push({life.end, place[life.reg]});
  }
  return count;
}

uint32_t bytes_of_kind(char kind) { return kind == 'p' ? 4 : kind == 'w' ? 128 : 256; }

// Fixed words, predicates, 4-byte slots, 8-byte slots, preloads: in this order, each part 128-byte aligned.
uint32_t place_preloads(DraftFunction &function, FunctionCode &code, uint32_t at) {
  for (const char kind : {'p', 'w', 'x'}) {
    for (VirtualRegister &each : function.registers) {
      if (each.home != Home::preload || each.kind != kind) continue;
      each.offset = at;
      at += bytes_of_kind(kind);
      code.preloads.push_back(each.preload);
      code.preloads.back().offset = each.offset;
    }
    at = (at + 127) / 128 * 128;
  }
  return at;
}

}  // namespace

void assign_slots(DraftFunction &function, const Flow &flow, FunctionCode &code) {
  const auto live_in = find_live_in(function, flow);
  const Lives lives = find_lives(function, flow, live_in);
  std::vector<uint32_t> place(function.registers.size(), 0);
  uint32_t at = function.fixed_words * 128;
  for (const char kind : {'p', 'w', 'x'}) {
    const std::vector<Life> of_kind = lives.sorted(function, kind);
    const uint32_t count = number_places(of_kind, place);
    for (const Life &life : of_kind) {
      VirtualRegister &each = function.registers[life.reg];
      each.offset = at + place[life.reg] * bytes_of_kind(kind);
      const bool before_write = !flow.blocks.empty() && live_in[0][life.reg / 64] >> (life.reg % 64) & 1;
      if (before_write) code.poisoned.push_back({each.offset, bytes_of_kind(kind)});
    }
    at = (at + count * bytes_of_kind(kind) + 127) / 128 * 128;
  }
  code.frame_bytes = place_preloads(function, code, at);
  code.local_bytes = (function.local_bytes + 15) / 16 * 16;
}

}  // namespace vgpu
