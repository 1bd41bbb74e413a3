// ptxas adds up the lanes of an atomic (redux) where it can tell that they agree on the word: nvdisasm shows it for an
// address made of constants, parameters and %ctaid, and not for one made of %tid (also %tid / 32) or of what was
// loaded. Which way a branch went is not looked at.
#include "uniform_addresses.h"

#include <algorithm>

#include "modifiers.h"

namespace vgpu {
namespace {

bool differs_by_lane(const VirtualRegister &reg) {
  if (reg.home == Home::fixed) return true;         // what a function got, or gave back
  if (reg.home != Home::preload) return false;
  const Special what = reg.preload.what;
  return what == Special::tid_x || what == Special::tid_y || what == Special::tid_z || what == Special::laneid ||
         (what >= Special::lanemask_eq && what <= Special::lanemask_gt);
}

// What it brings may differ between lanes, whatever its operands are.
bool brings_differing(const Draft &draft) {
  if (!draft.source) return false;
  const std::string_view opcode = draft.source->opcode, base = token_at(opcode, 0);
  if (base == "ld") return !has_token(opcode, "param") && !has_token(opcode, "const");
  return base == "atom" || base == "shfl" || base == "match" || base == "ldu" || base == "tex" || base == "call";
}

bool reads(const Draft &draft, const std::vector<bool> &differing) {
  return std::any_of(draft.references.begin(), draft.references.end(),
                     [&](const Reference &each) { return !each.writes && differing[each.reg]; }) ||
         (draft.guard >= 0 && differing[size_t(draft.guard)]);
}

// Registers whose values may differ between the lanes of a warp.
std::vector<bool> find_differing(const DraftFunction &function) {
  std::vector<bool> differing;
  for (const VirtualRegister &reg : function.registers) differing.push_back(differs_by_lane(reg));
  for (bool changed = true; changed;) {
    changed = false;
    for (const Draft &draft : function.drafts) {
      if (!brings_differing(draft) && !reads(draft, differing)) continue;
      for (const Reference &each : draft.references) {
        if (!each.writes || differing[each.reg]) continue;
        differing[each.reg] = changed = true;
      }
    }
  }
  return differing;
}

bool is_update(const Draft &draft) {
  if (!draft.source) return false;
  const std::string_view base = token_at(draft.source->opcode, 0);
  return base == "atom" || base == "red";
}

}  // namespace

void mark_uniform_addresses(DraftFunction &function) {
  if (std::none_of(function.drafts.begin(), function.drafts.end(), is_update)) return;
  const std::vector<bool> differing = find_differing(function);
  for (Draft &draft : function.drafts) {
    const auto address = std::find_if(draft.references.begin(), draft.references.end(),
                                      [](const Reference &each) { return each.field == field_a; });
    const bool agrees = address == draft.references.end() || !differing[address->reg];
    if (is_update(draft) && agrees) draft.op.flags |= kUniformAddress;
  }
}

}  // namespace vgpu
