#include "stores.h"

#include <map>
#include <set>

#include "../isa/isa.h"

namespace vgpu {
namespace {

using Origins = uint64_t;              // a set of parameters, as in Stores

bool is_load(const Draft &draft) {
  const Class cls = form_row(draft.op.form).cls;
  return cls == Class::global_load || cls == Class::shared_load || cls == Class::local_load;
}

bool is_store(const Draft &draft) {
  const Class cls = form_row(draft.op.form).cls;
  return cls == Class::global_store || cls == Class::global_atomic;
}

class Trace {
 public:
  explicit Trace(const DraftFunction &entry) : entry_(entry), from_(entry.registers.size()) {
    for (const Draft &draft : entry.drafts) {
      if (draft.op.form == form_ld_param_b64) add_param(draft);
    }
    spread();
  }

  Stores stores() const {
    std::set<Origins> found;
    for (const Draft &draft : entry_.drafts) {
      const bool calls = draft.op.form == form_call || draft.op.form == form_call_indirect;
      if (is_store(draft) || calls) found.insert(calls ? 0 : address_of(draft));
    }
    return {params_, {found.begin(), found.end()}};
  }

 private:
  void add_param(const Draft &draft) {
    uint32_t offset = uint32_t(draft.op.offset);
    for (const Reference &each : draft.references) {
      if (!each.writes) continue;
      const auto [known, is_new] = bits_.try_emplace(offset, Origins(1) << (params_.size() % 64));
      if (is_new) params_.push_back(offset);
      from_[each.reg] |= known->second;
      offset += 8;
    }
  }

  // The register of a memory operand is field a; other operands are values.
  Origins address_of(const Draft &draft) const {
    for (const Reference &each : draft.references) {
      if (!each.writes && each.field == field_a) return from_[each.reg];
    }
    return 0;
  }

  // Visits the readers of a register again whenever it has more origins, which is at most once for each origin: the
  // order of the text does not matter, and hostile text costs no more than its length.
  void spread() {
    std::vector<std::vector<const Draft *>> readers(from_.size());
    for (const Draft &draft : entry_.drafts) {
      for (const Reference &each : draft.references) {
        if (!each.writes && !is_load(draft)) readers[each.reg].push_back(&draft);
      }
    }
    std::vector<uint32_t> changed;
    for (uint32_t reg = 0; reg < from_.size(); ++reg) {
      if (from_[reg]) changed.push_back(reg);
    }
    while (!changed.empty()) {
      const uint32_t reg = changed.back();
      changed.pop_back();
      for (const Draft *reader : readers[reg]) add_origins(*reader, from_[reg], changed);
    }
  }

  void add_origins(const Draft &draft, Origins origins, std::vector<uint32_t> &changed) {
    for (const Reference &each : draft.references) {
      if (!each.writes || (origins & ~from_[each.reg]) == 0) continue;
      from_[each.reg] |= origins;
      changed.push_back(each.reg);
    }
  }

  const DraftFunction &entry_;
  std::vector<Origins> from_;          // of each register
  std::map<uint32_t, Origins> bits_;   // by offset of the parameter
  std::vector<uint32_t> params_;       // their offsets, in the order in which they were met
};

}  // namespace

Stores find_stores(const DraftFunction &entry) { return Trace(entry).stores(); }

}  // namespace vgpu
