// What ptxas does, found by giving it small kernels and reading what it made of them (ptxas 12.9 and 13.4, sm_90;
// benchmarks/machine_code.py holds this pass to whole kernels):
//   - only accesses of shared memory are merged; those of global memory never are, whatever their alignment;
//   - elements of 2, 4 or 8 bytes, at most four of them and 16 bytes together, all of one size, off one base whose
//     alignment is provable; a vector is that many elements;
//   - loads: three of the four elements of an aligned window are enough for an access of the whole of it, else a whole
//     half of it; the same element loaded twice is loaded once. A store, an atomic, an asynchronous copy, a fence and a
//     barrier, be it of a warp, end a group, wherever they point; what lies in between does not matter otherwise;
//   - stores: the same, but without gaps, and any other access of shared memory ends a group;
//   - nor does a group go on behind a division, a root or a reciprocal that is made of a branch around a slow path;
//   - volatile and predicated accesses are left as they are. That the assembler turns a short branch into predicates
//     or unrolls a loop, and merges across that, is not seen here.
#include "merged_accesses.h"

#include <algorithm>
#include <map>
#include <optional>

#include "../isa/isa.h"
#include "alignment.h"
#include "modifiers.h"

namespace vgpu {
namespace {

constexpr uint32_t kConstantBase = kNone;

// An address as the text computes it: a register's value somewhere in the block, and a number.
struct Place { uint32_t base; int64_t offset; uint8_t zeros; };

struct Member { Draft *draft; int64_t offset; };

struct Group {
  uint32_t base = 0, bytes = 0;          // of an element
  uint8_t zeros = 0;
  std::vector<Member> members;

  bool is_off(const Place &place, uint32_t element_bytes) const {
    return base == place.base && bytes == element_bytes;
  }
};

uint32_t window_elements(uint32_t bytes) { return std::min(4u, 16 / bytes); }

bool is_shared_load(uint16_t form) { return form >= form_ld_shared_b8 && form <= form_ld_shared_b64; }
bool is_shared_store(uint16_t form) { return form >= form_st_shared_b8 && form <= form_st_shared_b64; }

bool is_generic(const Draft &draft) {
  return std::string_view(form_row(draft.op.form).name).find("generic") != std::string_view::npos;
}

bool may_merge(const Draft &draft) {
  if (draft.guard >= 0 || draft.op.bytes < 2 || !draft.source) return false;
  const std::string_view opcode = draft.source->opcode;
  return !has_token(opcode, "volatile") && !has_token(opcode, "shared::cluster");
}

// Whether the assembler makes more than one block of it.
bool is_made_of_branches(uint16_t form) {
  switch (form) {
    case form_div_f32: case form_div_f32_round: case form_rcp_f32: case form_sqrt_f32: case form_sqrt_f32_round:
    case form_div_f64: case form_div_f64_round: case form_rcp_f64: case form_sqrt_f64:
    case form_div_u64: case form_div_s64: case form_rem_u64: case form_rem_s64:
      return true;
    default: return false;
  }
}

// Whether loads on both sides of it may not be merged, and so may not stores.
bool orders_accesses(const Draft &draft) {
  switch (form_row(draft.op.form).cls) {
    case Class::shared_store: case Class::shared_atomic: case Class::barrier: case Class::async_copy: return true;
    case Class::global_store: case Class::global_atomic: return is_generic(draft);
    default: break;
  }
  return draft.op.form == form_fence || draft.op.form == form_nanosleep || is_made_of_branches(draft.op.form);
}

bool reads_shared(const Draft &draft) {
  const Class cls = form_row(draft.op.form).cls;
  return cls == Class::shared_load || (cls == Class::global_load && is_generic(draft));
}

// Makes one access of the members whose elements lie in `window`, `elements` of them, if enough of them do.
class Window {
 public:
  Window(const Group &group, bool loads, int64_t first, uint32_t elements)
      : group_(group), loads_(loads), first_(first), elements_(elements) {}

  // `fewest` elements of the window must be accessed. False: nothing was marked.
  bool merge(uint32_t fewest) {
    const uint32_t bytes = elements_ * group_.bytes;
    if (group_.zeros < __builtin_ctz(bytes)) return false;
    std::vector<Member> inside;
    uint32_t covered = 0;
    for (const Member &member : group_.members) {
      const int64_t apart = member.offset - first_, at = apart / int64_t(group_.bytes);
      const bool fits = apart >= 0 && apart % group_.bytes == 0 && at + member.draft->op.n <= elements_;
      if (!fits || member.draft->op.kind != kAlone) continue;
      inside.push_back(member);
      covered |= ((1u << member.draft->op.n) - 1) << at;
    }
    if (inside.size() < 2 || uint32_t(__builtin_popcount(covered)) < fewest) return false;
    for (const Member &each : inside) each.draft->op.kind = kServedByLeader;
    // Loads happen where the first of them is, stores where the last one is.
    const Member &leader = loads_ ? inside.front() : inside.back();
    leader.draft->op.kind = uint8_t(bytes);
    leader.draft->op.c = uint32_t(first_ - leader.offset);
    return true;
  }

 private:
  const Group &group_;
  bool loads_;
  int64_t first_;
  uint32_t elements_;
};

// Elements that are loaded again are not loaded again.
void drop_repeated(const Group &group) {
  std::map<std::pair<int64_t, uint32_t>, bool> seen;
  for (const Member &member : group.members) {
    bool &known = seen[{member.offset, member.draft->op.n}];
    if (known) member.draft->op.kind = kServedByLeader;
    known = true;
  }
}

void merge_windows(const Group &group, bool loads) {
  if (group.members.size() < 2) return;  // of none, `bytes` is 0
  const uint32_t elements = window_elements(group.bytes), bytes = elements * group.bytes;
  if (loads) drop_repeated(group);
  std::vector<int64_t> firsts;
  for (const Member &member : group.members) firsts.push_back(member.offset & -int64_t(bytes));
  std::sort(firsts.begin(), firsts.end());
  firsts.erase(std::unique(firsts.begin(), firsts.end()), firsts.end());
  for (const int64_t first : firsts) {
    const uint32_t fewest = loads && elements == 4 ? 3 : elements;
    if (Window(group, loads, first, elements).merge(fewest) || elements < 4) continue;
    Window(group, loads, first, 2).merge(2);
    Window(group, loads, first + bytes / 2, 2).merge(2);
  }
}

// The accesses of one block, in order.
class Accesses {
 public:
  Accesses(const DraftFunction &function, const SharedLayout &shared, const std::vector<uint8_t> &zeros)
      : function_(function), shared_(shared), zeros_(zeros) {}

  void visit(Draft &draft) {
    const bool member = may_merge(draft);
    if (is_shared_load(draft.op.form)) {
      end_stores();
      if (member) add(loads_of(draft), draft);
    } else if (is_shared_store(draft.op.form)) {
      end_loads();
      if (!member || !goes_on(draft)) end_stores();
      if (member) add(stores_, draft);
    } else {
      if (orders_accesses(draft)) end_loads();
      if (orders_accesses(draft) || reads_shared(draft)) end_stores();
    }
    note_results(draft);
  }

  void end() {
    end_loads();
    end_stores();
  }

 private:
  void end_loads() {
    for (const auto &each : loads_) merge_windows(each.second, true);
    loads_.clear();
  }
  void end_stores() {
    merge_windows(stores_, false);
    stores_ = {};
  }

  Group &loads_of(const Draft &draft) { return loads_[{place_of(address(draft)).base, draft.op.bytes}]; }

  // Whether a store is to the window of those before it.
  bool goes_on(const Draft &draft) const {
    const Place place = place_of(address(draft));
    if (stores_.members.empty() || !stores_.is_off(place, draft.op.bytes)) return false;
    const int64_t window = int64_t(window_elements(draft.op.bytes)) * draft.op.bytes;
    return ((place.offset + draft.op.offset) & -window) == (stores_.members.front().offset & -window);
  }

  void add(Group &group, Draft &draft) {
    const Place place = place_of(address(draft));
    group.base = place.base;
    group.bytes = draft.op.bytes;
    group.zeros = place.zeros;
    group.members.push_back({&draft, place.offset + draft.op.offset});
  }

  static uint32_t source(const Draft &draft, uint8_t field) {
    for (const Reference &each : draft.references) {
      if (!each.writes && each.field == field) return each.reg;
    }
    return kNone;
  }
  static uint32_t address(const Draft &draft) { return source(draft, field_a); }

  bool is_constant(uint32_t reg) const {
    const VirtualRegister &each = function_.registers[reg];
    return each.home == Home::preload && each.preload.what == Special::constant;
  }

  Place place_of(uint32_t reg) const {
    if (is_constant(reg))
      return {kConstantBase, int64_t(shared_.on_device(function_.registers[reg].preload.value)), kAllZero};
    const auto known = written_.find(reg);
    return known != written_.end() ? known->second : Place{reg, 0, zeros_[reg]};
  }

  void note_results(const Draft &draft) {
    const std::optional<Place> result = result_of(draft);
    for (const Reference &each : draft.references) {
      if (!each.writes) continue;
      if (result) written_[each.reg] = *result;
      else written_[each.reg] = {uint32_t(function_.registers.size()) + fresh_++, 0, zeros_[each.reg]};
    }
  }

  // Copies, and sums with a constant, keep their base; everything else is a new one.
  std::optional<Place> result_of(const Draft &draft) const {
    const uint32_t a = source(draft, field_a), b = source(draft, field_b);
    const bool plain = draft.guard < 0 && !(draft.op.flags & (kUsesCarry | kSat));
    const uint16_t form = draft.op.form;
    if (plain && (form == form_mov_b32 || form == form_mov_b64)) return place_of(a);
    if (plain && (form == form_add_u32 || form == form_add_u64)) {
      if (is_constant(b)) return moved(place_of(a), b);
      if (is_constant(a)) return moved(place_of(b), a);
    }
    return std::nullopt;
  }
  Place moved(Place place, uint32_t constant) const {
    const uint64_t value = function_.registers[constant].preload.value;
    const bool narrow = function_.registers[constant].kind == 'w';
    place.offset += narrow ? int64_t(int32_t(value)) : int64_t(value);
    return place;
  }

  const DraftFunction &function_;
  const SharedLayout &shared_;
  const std::vector<uint8_t> &zeros_;
  std::map<std::pair<uint32_t, uint32_t>, Group> loads_;     // by base and bytes of an element
  Group stores_;
  std::map<uint32_t, Place> written_;                        // registers that the block has written so far
  uint32_t fresh_ = 0;
};

// A load that is wide in the text is served as one that was merged.
void mark_wide_loads(DraftFunction &function) {
  for (Draft &draft : function.drafts) {
    const uint32_t bytes = uint32_t(draft.op.n) * draft.op.bytes;
    if (!is_shared_load(draft.op.form) || draft.op.kind != kAlone || bytes < 8) continue;
    draft.op.kind = uint8_t(bytes);
    draft.op.c = 0;
  }
}

}  // namespace

void mark_merged_accesses(DraftFunction &function, const Flow &flow, const SharedLayout &shared) {
  const bool any = std::any_of(function.drafts.begin(), function.drafts.end(), [](const Draft &draft) {
    return is_shared_load(draft.op.form) || is_shared_store(draft.op.form);
  });
  if (!any) return;
  const std::vector<uint8_t> zeros = find_known_zeros(function);
  for (const Block &block : flow.blocks) {
    Accesses accesses(function, shared, zeros);
    for (uint32_t i = block.first; i <= block.last; ++i) accesses.visit(function.drafts[i]);
    accesses.end();
  }
  mark_wide_loads(function);
}

}  // namespace vgpu
