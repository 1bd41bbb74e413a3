#include "meeting.h"

#include "../isa/isa.h"
#include "race_view.h"
#include "tracking.h"

namespace vgpu {
namespace {

enum class Width : uint8_t { predicate, word, pair };     // of a slot: one bit, 4 or 8 bytes a lane
struct Operand { u32 slot; Width width; bool negated; };

constexpr u32 kMost = 4;
struct Operands {
  Operand at[kMost];
  u32 count = 0;
  void add(u32 slot, Width width, bool negated = false) { at[count++] = {slot, width, negated}; }
};

bool is_vote(uint16_t form) { return form == form_vote_pred || form == form_vote_ballot; }
bool looks_across(uint16_t form) { return form >= form_shfl_b32 && form <= form_redux_s32 && form != form_activemask; }

u32 members_slot(const Op &op) { return op.form == form_shfl_b32 ? op.v[1] : op.b; }

// In one order for every operation of a form.
Operands sources_of(const Op &op) {
  Operands found;
  const bool wide = op.form == form_match_any_b64 || op.form == form_match_all_b64;
  const Width width = is_vote(op.form) ? Width::predicate : wide ? Width::pair : Width::word;
  if (op.form != form_elect_sync) found.add(op.a, width, is_vote(op.form) && (op.flags & kNegate));
  found.add(op.b, Width::word);
  if (op.form != form_shfl_b32) return found;
  found.add(op.c, Width::word);
  found.add(op.v[1], Width::word);
  return found;
}

Operands results_of(const Op &op) {
  Operands found;
  found.add(op.d, op.form == form_vote_pred ? Width::predicate : Width::word);
  if (op.flags & kHasD2) found.add(op.v[0], Width::predicate);
  return found;
}

// What a slot holds, with what is known of it.
struct Content { u32 words[2 * kWarpSize], unknown[2 * kWarpSize], known; u64 origins[kWarpSize]; };

u32 words_of(Width width) { return width == Width::predicate ? 1 : width == Width::word ? kWarpSize : 2 * kWarpSize; }

Content read(const Warp &w, const Operand &operand) {
  Content content;
  std::memcpy(content.words, w.frame + operand.slot, words_of(operand.width) * sizeof(u32));
  if (operand.negated) content.words[0] = ~content.words[0];
  content.known = w.known ? known_lanes(w, operand.slot) : 0;
  if (w.known && operand.width != Width::predicate) {
    const u64 at = u64(w.frame - w.frames) + operand.slot;
    std::memcpy(content.unknown, w.unknown + at, words_of(operand.width) * sizeof(u32));
    std::memcpy(content.origins, w.origins + at / 4, sizeof content.origins);
  }
  return content;
}

void write(const Warp &w, const Operand &operand, const Content &content, u32 lanes) {
  u32 *words = lanes_at<u32>(w, operand.slot);
  const u32 flip = operand.negated ? kAllLanes : 0;
  if (operand.width == Width::predicate) words[0] = (words[0] & ~lanes) | ((content.words[0] ^ flip) & lanes);
  const u32 each = operand.width == Width::predicate ? 0 : operand.width == Width::word ? 1 : 2;
  for (u32 i = 0; i < each * kWarpSize; ++i) words[i] = in_mask(lanes, i / each) ? content.words[i] : words[i];
  if (!w.known) return;
  u32 &known = known_lanes(w, operand.slot);
  known = (known & ~lanes) | (content.known & lanes);
  const u64 at = u64(w.frame - w.frames) + operand.slot;
  u32 *unknown = reinterpret_cast<u32 *>(w.unknown + at);
  for (u32 i = 0; i < each * kWarpSize; ++i) unknown[i] = in_mask(lanes, i / each) ? content.unknown[i] : unknown[i];
  for (u32 rest = each ? lanes : 0; rest; rest &= rest - 1)
    w.origins[at / 4 + first_lane(rest)] = content.origins[first_lane(rest)];
}

// The slots of an operation as they were before others lent theirs.
class Borrowed {
 public:
  Borrowed(const Warp &w, const Op &op) : sources_(sources_of(op)), results_(results_of(op)) {
    for (u32 i = 0; i < sources_.count; ++i) source_[i] = read(w, sources_.at[i]);
    for (u32 i = 0; i < results_.count; ++i) result_[i] = read(w, results_.at[i]);
  }
  void lend(const Warp &w, const Op &other, u32 lanes) const {
    const Operands from = sources_of(other);
    for (u32 i = 0; i < from.count; ++i) write(w, sources_.at[i], read(w, from.at[i]), lanes);
  }
  // Gives the slots back; what they hold now is what the operation brought.
  void give_back(const Warp &w, u32 lanes, Content *brought) const {
    for (u32 i = 0; i < results_.count; ++i) brought[i] = read(w, results_.at[i]);
    for (u32 i = 0; i < sources_.count; ++i) write(w, sources_.at[i], source_[i], lanes);
    for (u32 i = 0; i < results_.count; ++i) write(w, results_.at[i], result_[i], lanes);
  }

 private:
  Operands sources_, results_;
  Content source_[kMost], result_[kMost];
};

}  // namespace

u32 missing_lanes(const Warp &w, const Op &op) {
  u32 named = looks_across(op.form) || op.form == form_bar_warp_sync ? 0 : kAllLanes;
  const u32 *members = lanes_at<u32>(w, op.form == form_bar_warp_sync ? op.a : members_slot(op));
  for (u32 rest = named ? 0 : w.mask; rest; rest &= rest - 1) named |= members[first_lane(rest)];
  return named & w.live & ~w.mask;
}

bool may_meet(const Op &a, const Op &b) {
  if (&a == &b || (a.form == form_bar_warp_sync && b.form == form_bar_warp_sync)) return true;
  const bool same_results = (a.flags & kHasD2) == (b.flags & kHasD2);
  const bool guarded = (a.flags | b.flags) & kGuarded;
  return looks_across(a.form) && a.form == b.form && a.kind == b.kind && same_results && !guarded;
}

bool run_together(Warp &w, const Op *op, const Op *&next) {
  u32 elsewhere = 0;
  for (u32 i = 0; i < w.partner_count; ++i) elsewhere |= w.run->ops + w.partners[i].pc != op ? w.partners[i].mask : 0;
  if (op->form == form_bar_warp_sync || !elsewhere) {
    if (op->form == form_bar_warp_sync && w.run->race) w.run->race->call.warp_sync(*w.run, w, nullptr);
    next = op->form == form_bar_warp_sync ? op + 1 : op->run(w, op);
    return true;
  }
  const Borrowed borrowed(w, *op);
  const auto for_each_place = [&](auto visit) {
    for (u32 i = 0; i < w.partner_count; ++i) {
      const Op &other = w.run->ops[w.partners[i].pc];
      if (&other != op) visit(other, w.partners[i].mask);
    }
  };
  for_each_place([&](const Op &other, u32 lanes) { borrowed.lend(w, other, lanes); });
  const bool complete = !missing_lanes(w, *op);
  next = complete ? op->run(w, op) : nullptr;
  Content brought[kMost];
  borrowed.give_back(w, elsewhere, brought);
  if (!complete || !next) return complete;
  for_each_place([&](const Op &other, u32 lanes) {
    const Operands results = results_of(other);
    for (u32 i = 0; i < results.count; ++i) write(w, results.at[i], brought[i], lanes);
  });
  return true;
}

}  // namespace vgpu
