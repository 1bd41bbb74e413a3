// A register's known zeros are the fewest that any of its writers gives, starting from all of them and falling to a
// fixed point: the order of the text does not matter, and each register falls at most 64 times.
#include "alignment.h"

#include <algorithm>

#include "../isa/isa.h"

namespace vgpu {
namespace {

constexpr uint8_t kDynamicSharedZeros = 4;     // the assembler aligns dynamic shared memory to 16 bytes

uint8_t zeros_of(uint64_t value) { return value ? uint8_t(__builtin_ctzll(value)) : kAllZero; }

uint8_t zeros_of_preload(const Preload &preload) {
  if (preload.what == Special::constant) return zeros_of(preload.value);
  if (preload.what == Special::dynamic_shared) return std::min(kDynamicSharedZeros, zeros_of(preload.value));
  return 0;
}

class Zeros {
 public:
  explicit Zeros(const DraftFunction &function) : function_(function), zeros_(function.registers.size(), kAllZero) {
    for (uint32_t reg = 0; reg < zeros_.size(); ++reg) {
      const VirtualRegister &each = function.registers[reg];
      if (each.home != Home::slot) zeros_[reg] = each.home == Home::preload ? zeros_of_preload(each.preload) : 0;
    }
    find_readers();
    std::vector<const Draft *> rest;
    for (const Draft &draft : function.drafts) rest.push_back(&draft);
    while (!rest.empty()) {
      const Draft &draft = *rest.back();
      rest.pop_back();
      write_results(draft, rest);
    }
  }

  std::vector<uint8_t> take() { return std::move(zeros_); }

 private:
  void find_readers() {
    readers_.resize(zeros_.size());
    for (const Draft &draft : function_.drafts) {
      for (const Reference &each : draft.references) {
        if (!each.writes) readers_[each.reg].push_back(&draft);
      }
    }
  }

  void write_results(const Draft &draft, std::vector<const Draft *> &rest) {
    const uint8_t result = result_of(draft);
    for (const Reference &each : draft.references) {
      if (!each.writes || zeros_[each.reg] <= result || function_.registers[each.reg].home != Home::slot) continue;
      zeros_[each.reg] = result;
      rest.insert(rest.end(), readers_[each.reg].begin(), readers_[each.reg].end());
    }
  }

  const Reference *source(const Draft &draft, uint8_t field) const {
    for (const Reference &each : draft.references) {
      if (!each.writes && each.field == field) return &each;
    }
    return nullptr;
  }
  uint8_t of(const Draft &draft, uint8_t field) const {
    const Reference *found = source(draft, field);
    return found ? zeros_[found->reg] : 0;
  }
  uint8_t product(const Draft &draft) const {
    return std::min<uint8_t>(kAllZero, of(draft, field_a) + of(draft, field_b));
  }
  uint8_t shifted(const Draft &draft) const {
    const Reference *by = source(draft, field_b);
    const Preload &preload = function_.registers[by->reg].preload;
    const bool known = function_.registers[by->reg].home == Home::preload && preload.what == Special::constant;
    return known && preload.value < kAllZero ? std::min<uint64_t>(kAllZero, of(draft, field_a) + preload.value)
                                             : of(draft, field_a);
  }

  uint8_t result_of(const Draft &draft) const {
    if (draft.op.flags & (kUsesCarry | kSat)) return 0;
    switch (draft.op.form) {
      case form_mov_b32: case form_mov_b64: case form_cvta_shared: case form_cvta_to_shared: case form_cvt_u32_u32:
      case form_cvt_u32_s32: case form_cvt_u64_u32: case form_cvt_u64_s32: case form_cvt_u32_u64: case form_cvt_u32_s64:
      case form_cvt_u64_u64: case form_cvt_u64_s64:
        return of(draft, field_a);
      case form_add_u32: case form_add_u64: case form_sub_u32: case form_sub_u64: case form_or_b32: case form_or_b64:
      case form_xor_b32: case form_xor_b64: case form_selp_b32: case form_selp_b64:
        return std::min(of(draft, field_a), of(draft, field_b));
      case form_and_b32: case form_and_b64: return std::max(of(draft, field_a), of(draft, field_b));
      case form_mul_lo_u32: case form_mul_lo_u64: case form_mul_wide_u32: case form_mul_wide_s32: return product(draft);
      case form_mad_lo_u32: case form_mad_lo_u64: case form_mad_wide_u32: case form_mad_wide_s32:
        return std::min(product(draft), of(draft, field_c));
      case form_shl_b32: case form_shl_b64: return shifted(draft);
      default: return 0;
    }
  }

  const DraftFunction &function_;
  std::vector<uint8_t> zeros_;
  std::vector<std::vector<const Draft *>> readers_;
};

}  // namespace

std::vector<uint8_t> find_known_zeros(const DraftFunction &function) { return Zeros(function).take(); }

}  // namespace vgpu
