#include "operands.h"

#include <algorithm>
#include <cstring>

#include "../isa/isa.h"

namespace vgpu {

uint32_t SharedLayout::place(const ptx::Variable &variable, bool &dynamic) {
  dynamic = variable.unsized;
  if (dynamic) {
    dynamic_align_ = std::max(dynamic_align_, variable.align);
    return 0;
  }
  const auto known = offset_.find(&variable);
  if (known != offset_.end()) return known->second;
  uint32_t &end = program_.static_shared_bytes;
  end = (end + variable.align - 1) / variable.align * variable.align;
  const uint32_t offset = behind_band(end, variable.align);
  offset_[&variable] = offset;
  shifts_[offset] = offset - end;
  program_.shared.push_back({std::string(variable.name), offset, uint32_t(variable.bytes)});
  end += uint32_t(variable.bytes);
  program_.shared_end = offset + uint32_t(variable.bytes);
  return offset;
}

uint64_t SharedLayout::on_device(uint64_t offset) const {
  const auto behind = shifts_.upper_bound(offset);
  return behind == shifts_.begin() ? offset : offset - std::prev(behind)->second;
}

uint32_t SharedLayout::reserved() {
  if (program_.reserved_shared_bytes) return program_.reserved_shared;
  const uint32_t bank_of_zero = (program_.static_shared_bytes + kSharedPeriod - 1) / kSharedPeriod * kSharedPeriod;
  const uint32_t offset = behind_band(bank_of_zero, kSharedPeriod);
  program_.shared.push_back({"reserved shared memory", offset, kReservedShared});
  program_.shared_end = offset + kReservedShared;
  program_.reserved_shared_bytes = kReservedShared;
  return program_.reserved_shared = offset;
}

// The first place behind a guard band with the banks and the alignment that `offset` has without bands. A text with
// very many variables does without further bands.
uint32_t SharedLayout::behind_band(uint32_t offset, uint32_t align) {
  const uint32_t period = std::max(align, kSharedPeriod), before = program_.shared_end;
  const uint32_t least = before == 0 || shift_ >= kMostShift ? 0 : before + kSharedBand;
  shift_ = (std::max(shift_, least > offset ? least - offset : 0) + period - 1) / period * period;
  return offset + shift_;
}

void SharedLayout::finish() {
  program_.dynamic_shared_offset =
      (program_.static_shared_bytes + dynamic_align_ - 1) / dynamic_align_ * dynamic_align_;
  program_.dynamic_shared_start = behind_band(program_.dynamic_shared_offset, dynamic_align_);
}

namespace {

struct SpecialRow { std::string_view name; Special what; };
constexpr SpecialRow kSpecials[] = {
    {"%tid.x", Special::tid_x},
    {"%tid.y", Special::tid_y},
    {"%tid.z", Special::tid_z},
    {"%ntid.x", Special::ntid_x},
    {"%ntid.y", Special::ntid_y},
    {"%ntid.z", Special::ntid_z},
    {"%ctaid.x", Special::ctaid_x},
    {"%ctaid.y", Special::ctaid_y},
    {"%ctaid.z", Special::ctaid_z},
    {"%nctaid.x", Special::nctaid_x},
    {"%nctaid.y", Special::nctaid_y},
    {"%nctaid.z", Special::nctaid_z},
    {"%laneid", Special::laneid},
    {"%warpid", Special::warpid},
    {"%nwarpid", Special::nwarpid},
    {"%smid", Special::smid},
    {"%nsmid", Special::nsmid},
    {"%gridid", Special::gridid},
    {"%lanemask_eq", Special::lanemask_eq},
    {"%lanemask_le", Special::lanemask_le},
    {"%lanemask_lt", Special::lanemask_lt},
    {"%lanemask_ge", Special::lanemask_ge},
    {"%lanemask_gt", Special::lanemask_gt},
    {"%dynamic_smem_size", Special::dynamic_smem_size},
    {"%total_smem_size", Special::total_smem_size},
    {"%aggr_smem_size", Special::total_smem_size},
    {"%cluster_ctarank", Special::zero},
    {"%cluster_ctaid.x", Special::zero},
    {"%cluster_ctaid.y", Special::zero},
    {"%cluster_ctaid.z", Special::zero},
    {"%cluster_nctarank", Special::one},
    {"%cluster_nctaid.x", Special::one},
    {"%cluster_nctaid.y", Special::one},
    {"%cluster_nctaid.z", Special::one},
    {"%is_explicit_cluster", Special::zero},
    {"%clusterid.x", Special::ctaid_x},
    {"%clusterid.y", Special::ctaid_y},
    {"%clusterid.z", Special::ctaid_z},
    {"%nclusterid.x", Special::nctaid_x},
    {"%nclusterid.y", Special::nctaid_y},
    {"%nclusterid.z", Special::nctaid_z},
    {"%current_graph_exec", Special::zero},
};

// Cooperative groups keep barriers and scratch of tiles of several warps at _1 (288 bytes), and count on zeros there.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#special-registers-reserved-smem-offset-begin
struct ReservedRow { std::string_view name; bool is_address; uint32_t value; };
constexpr ReservedRow kReserved[] = {
    {"%reserved_smem_offset_begin", true, 0},
    {"%reserved_smem_offset_end", true, kReservedShared},
    {"%reserved_smem_offset_cap", false, kReservedShared},
    {"%reserved_smem_offset_1", true, 0},
    {"%reserved_smem_offset_2", true, kReservedShared / 2},
};

uint8_t bytes_of_kind(char kind) { return kind == 'p' ? 1 : kind == 'w' ? 4 : 8; }

[[noreturn]] void refuse(const std::string &message) { throw UnsupportedForm{message}; }

uint32_t special_register(const Scope &scope, std::string_view name, char kind) {
  for (const SpecialRow &row : kSpecials) {
    if (row.name == name) return scope.function.preload(row.what, bytes_of_kind(kind), 0);
  }
  if (name == "%envreg1") return scope.function.preload(Special::workspace_high, bytes_of_kind(kind), 0);
  if (name == "%envreg2") return scope.function.preload(Special::workspace_low, bytes_of_kind(kind), 0);
  // Set by the driver, or counters of the hardware: nothing sets them here.
  const bool unset = name.substr(0, 7) == "%envreg" || name.substr(0, 3) == "%pm";
  if (unset) return scope.function.preload(Special::zero, bytes_of_kind(kind), 0);
  for (const ReservedRow &row : kReserved) {
    if (row.name != name) continue;
    const uint32_t start = row.is_address ? scope.shared.reserved() : 0;
    return scope.function.preload(Special::constant, bytes_of_kind(kind), start + row.value);
  }
  if (name == "WARP_SZ") return scope.function.preload(Special::constant, bytes_of_kind(kind), 32);
  refuse("the special register " + std::string(name) + " is not executed");
}

uint32_t shared_address(const Scope &scope, const ptx::Variable &variable, int64_t addend, char kind) {
  bool dynamic = false;
  const uint64_t offset = scope.shared.place(variable, dynamic) + uint64_t(addend);
  return scope.function.preload(dynamic ? Special::dynamic_shared : Special::constant, bytes_of_kind(kind), offset);
}

// Offset of an entry's parameter in its parameter block.
uint32_t param_offset(const Scope &scope, uint32_t variable) {
  uint32_t at = 0;
  for (const uint32_t index : scope.function.tree->params) {
    const ptx::Variable &param = scope.function.tree->variables[index];
    at = (at + param.align - 1) / param.align * param.align;
    if (index == variable) return at;
    at += uint32_t(param.bytes);
  }
  refuse("the address of a parameter inside a device function is not executed");
}

uint32_t variable_address(const Scope &scope, uint32_t index, int64_t addend, char kind) {
  const ptx::Variable &variable = scope.function.tree->variables[index];
  if (variable.space == Space::shared) return shared_address(scope, variable, addend, kind);
  if (variable.space == Space::local) {
    const uint64_t offset = scope.function.local_offset.at(index) + uint64_t(addend);
    return scope.function.preload(Special::local_base, bytes_of_kind(kind), offset);
  }
  if (!scope.entry) refuse("the address of a parameter inside a device function is not executed");
  const uint64_t address = kParamAddress + param_offset(scope, index) + uint64_t(addend);
  return scope.function.preload(Special::constant, bytes_of_kind(kind), address);
}

uint32_t symbol_address(const Scope &scope, const ptx::Operand &operand, char kind) {
  if (operand.variable >= 0) return variable_address(scope, uint32_t(operand.variable), operand.value, kind);
  const auto function = scope.image.function.find(operand.symbol);
  if (function != scope.image.function.end()) scope.function.addressed.push_back(function->second);
  const auto known = scope.image.address.find(operand.symbol);
  if (known != scope.image.address.end()) {
    return scope.function.preload(Special::constant, bytes_of_kind(kind), known->second + uint64_t(operand.value));
  }
  for (const ptx::Variable &variable : scope.module.variables) {
    if (variable.name == operand.symbol) return shared_address(scope, variable, operand.value, kind);
  }
  return special_register(scope, operand.symbol, kind);
}

uint64_t immediate_bits(const ptx::Operand &operand, char kind) {
  if (operand.kind == ptx::Operand::Kind::f64 && kind == 'w') {
    double value;
    std::memcpy(&value, &operand.value, 8);
    const float narrow = float(value);
    uint32_t out;
    std::memcpy(&out, &narrow, 4);
    return out;
  }
  return kind == 'w' ? uint32_t(operand.value) : uint64_t(operand.value);
}

Draft conversion(uint16_t form, uint32_t to, uint32_t from, const Draft &near) {
  Draft draft;
  draft.op.form = form;
  draft.op.flags |= kHelper;
  draft.source = near.source;
  draft.guard = near.guard;
  draft.guard_negate = near.guard_negate;
  draft.references = {{field_d, true, to}, {field_a, false, from}};
  return draft;
}

uint32_t read_register(const Scope &scope, uint32_t reg, char kind, Draft &draft, std::vector<Draft> &before) {
  const char have = scope.function.registers[reg].kind;
  if (have == kind) return reg;
  if (have != 'x' || kind != 'w') refuse("an operand has another width than the instruction");
  const uint32_t narrow = scope.function.make_register('w');
  before.push_back(conversion(form_cvt_u32_u64, narrow, reg, draft));
  return narrow;
}

// The type of a result: the last token, of cvt the last but one.
std::string_view result_type(std::string_view opcode) {
  if (opcode.substr(0, 4) == "cvt.") opcode = opcode.substr(0, opcode.rfind('.'));
  return opcode.substr(opcode.rfind('.') + 1);
}

// Results may be narrower than their register (ld, cvt): they are extended as their type says. Rows of 16 bits leave
// the upper half of a slot zero.
uint32_t write_register(const Scope &scope, const ptx::Operand &operand, char kind, Draft &draft,
                        std::vector<Draft> &after) {
  if (operand.kind == ptx::Operand::Kind::sink) return scope.function.make_register(kind);
  if (operand.kind != ptx::Operand::Kind::reg) refuse("a result must be a register");
  const uint32_t reg = uint32_t(operand.reg);
  const char have = scope.function.registers[reg].kind;
  const std::string_view opcode = draft.source->opcode, type = result_type(opcode);
  const std::vector<ptx::Type> &declared = scope.function.tree->registers;
  const bool converts = opcode.substr(0, 4) == "cvt." && opcode.substr(0, 9) != "cvt.pack.";
  const bool wide = reg < declared.size() && ptx::bytes_of(declared[reg]) > 2;
  const bool half = converts && kind == 'w' && type == "s16" && wide;
  if (have == kind && !half) return reg;
  if (have != kind && (have != 'x' || kind != 'w')) refuse("a result has another width than its register");
  const uint32_t narrow = scope.function.make_register('w');
  const uint16_t widened = half ? (have == 'x' ? form_cvt_u64_s16 : form_cvt_u32_s16)
                                : type[0] == 's' ? form_cvt_u64_s32 : form_cvt_u64_u32;
  after.push_back(conversion(widened, reg, narrow, draft));
  return narrow;
}

// --- signatures ------------------------------------------------------------------------------------------------------

// `counted`: the number of registers is Op::n, the same for every such operand.
struct Want { uint8_t field; char kind; bool optional; char whole; uint8_t length; bool counted; };
struct Wanted { Want first; Want second; bool pair; };

Want read_want(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view field = text.substr(0, colon);
  Want want{field_d, text[colon + 1], text.back() == '?', field[0], 0, field == "v" || field == "e*"};
  if (field == "a") want.field = field_a;
  if (field == "b") want.field = field_b;
  if (field == "c") want.field = field_c;
  if (field.size() == 2 && field[0] == 'v') want.field = uint8_t(field_v0 + (field[1] - '0'));
  if (field == "v") want.field = field_v0;
  if (field[0] == 'e') want.length = field.size() == 1 || field[1] == '*' ? 0 : uint8_t(field[1] - '0');
  else if (field.size() == 2 || field.size() == 5) want.whole = ' ';
  return want;
}

std::vector<Wanted> read_signature(std::string_view text) {
  std::vector<Wanted> all;
  while (!text.empty()) {
    const size_t space = text.find(' ');
    std::string_view one = text.substr(0, space);
    text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
    if (one == "m") one = "a:m";
    const size_t bar = one.find('|');
    Wanted wanted{read_want(one.substr(0, bar)), {}, bar != std::string_view::npos};
    if (wanted.pair) wanted.second = read_want(one.substr(bar + 1));
    all.push_back(wanted);
  }
  return all;
}

class Binder {
 public:
  Binder(const Scope &scope, Draft &draft, std::vector<Draft> &before, std::vector<Draft> &after)
      : scope_(scope), draft_(draft), before_(before), after_(after) {}

  void bind(const Wanted &wanted, const ptx::Operand &operand) {
    using Kind = ptx::Operand::Kind;
    if (wanted.pair && operand.kind == Kind::pair) {
      one(wanted.first, operand.parts[0]);
      one(wanted.second, operand.parts[1]);
      draft_.op.flags |= kHasD2;
    } else if (wanted.first.whole == '_') {
      return;
    } else if (operand.kind == Kind::vector || wanted.first.whole == 'v' || wanted.first.whole == 'e') {
      many(wanted.first, operand);
    } else {
      one(wanted.first, operand);
    }
  }

 private:
  void many(Want want, const ptx::Operand &operand) {
    if (want.whole != 'v' && want.whole != 'e') refuse("a vector operand is not executed here");
    const bool vector = operand.kind == ptx::Operand::Kind::vector;
    const size_t count = vector ? operand.parts.size() : 1;
    if (want.whole == 'v' && count > 4) refuse("vectors of more than four elements are not executed");
    if (want.length && want.length != count) refuse("a matrix operand has another number of registers");
    if (want.whole == 'e' && want.counted && draft_.op.n != 1 && draft_.op.n != count)
      refuse("the vectors have different lengths");
    if (want.counted) draft_.op.n = uint8_t(count);
    for (size_t i = 0; i < count; ++i) {
      want.field = uint8_t(want.whole == 'v' ? field_v0 + i : field_extra + draft_.extra.size());
      if (want.whole == 'e') draft_.extra.push_back(0);
      one(want, vector ? operand.parts[i] : operand);
    }
  }

  void one(const Want &want, const ptx::Operand &operand) {
    const char kind = want.kind;
    if (kind == 'm' || kind == 'g' || kind == 's' || kind == 'h') return memory(want, operand);
    if (kind == 'i') {
      const bool size = operand.value == 4 || operand.value == 8 || operand.value == 16;
      if (operand.kind != ptx::Operand::Kind::integer || !size) refuse("an asynchronous copy has 4, 8 or 16 bytes");
      draft_.op.bytes = uint8_t(operand.value);
    } else if (kind == 'W' || kind == 'X' || kind == 'P') {
      const char narrow = kind == 'W' ? 'w' : kind == 'X' ? 'x' : 'p';
      draft_.references.push_back({want.field, true, write_register(scope_, operand, narrow, draft_, after_)});
    } else {
      draft_.references.push_back({want.field, false, input(operand, kind)});
    }
  }

  // A negated predicate is Op's flag where the form reads that; logic of predicates, with more than one of them, has an
  // operation before it.
  uint32_t input(const ptx::Operand &operand, char kind) {
    const uint32_t reg = read_operand(scope_, operand, kind, draft_, before_);
    if (!operand.negate) return reg;
    if (kind != 'p') refuse("only a predicate is negated by '!'");
    const uint16_t form = draft_.op.form;
    const bool is_logic =
        form == form_and_pred || form == form_or_pred || form == form_xor_pred || form == form_not_pred;
    if (!is_logic) {
      draft_.op.flags |= kNegate;
      return reg;
    }
    const uint32_t negated = scope_.function.make_register('p');
    before_.push_back(conversion(form_not_pred, negated, reg, draft_));
    return negated;
  }

  void memory(const Want &want, const ptx::Operand &operand) {
    if (operand.kind != ptx::Operand::Kind::memory || !operand.parts.empty())
      refuse("an address of this shape is not executed");
    uint32_t base;
    if (operand.reg >= 0) {
      base = uint32_t(operand.reg);
    } else if (!operand.symbol.empty()) {
      ptx::Operand symbol = operand;
      symbol.value = 0;
      base = symbol_address(scope_, symbol, 'x');
    } else {
      base = scope_.function.preload(Special::constant, 8, 0);
    }
    draft_.references.push_back({want.field, false, base});
    place_offset(want.kind, operand.value, scope_.function.registers[base].kind == 'w');
  }

  // Where the offset of an address goes, and the mark that its register is a 32-bit one.
  void place_offset(char kind, int64_t offset, bool narrow) {
    Op &op = draft_.op;
    if (kind == 'm') {
      op.offset = offset;
      if (narrow) op.flags |= kAddress32;
      return;
    }
    if (kind == 'g' && narrow) refuse("a 32-bit global address is not executed");
    op.v[kind == 'h' ? 2 : 3] = uint32_t(offset);
    if (narrow) op.kind |= kind == 'h' ? kThirdNarrow : kSecondNarrow;
  }

  const Scope &scope_;
  Draft &draft_;
  std::vector<Draft> &before_, &after_;
};

void mark_absent(Draft &draft, const Want &want) {
  if (want.field == field_b) draft.op.b = kNone;
  if (want.field == field_c) draft.op.c = kNone;
}

}  // namespace

uint32_t read_operand(const Scope &scope, const ptx::Operand &operand, char kind, Draft &draft,
                      std::vector<Draft> &before) {
  using Kind = ptx::Operand::Kind;
  switch (operand.kind) {
    case Kind::reg: return read_register(scope, uint32_t(operand.reg), kind, draft, before);
    case Kind::symbol: return symbol_address(scope, operand, kind);
    case Kind::integer: case Kind::f32: case Kind::f64:
      if (kind == 'p') return scope.function.preload(Special::predicate, 1, operand.value ? kNone : 0);
      return scope.function.preload(Special::constant, bytes_of_kind(kind), immediate_bits(operand, kind));
    default: refuse("an operand of this shape is not executed");
  }
}

void bind_operands(const Scope &scope, const std::vector<ptx::Operand> &operands, const char *signature, Draft &draft,
                   std::vector<Draft> &before, std::vector<Draft> &after) {
  const std::vector<Wanted> wanted = read_signature(signature);
  const bool hinted = draft.source && draft.source->opcode.find("cache_hint") != std::string_view::npos;
  const size_t count = operands.size() - (hinted ? 1 : 0);      // the last operand is the cache policy
  size_t required = 0, at = 0;
  for (const Wanted &each : wanted) required += !each.first.optional;
  Binder binder(scope, draft, before, after);
  for (const Wanted &each : wanted) {
    if (each.first.optional && count - at <= required) {
      mark_absent(draft, each.first);
      continue;
    }
    if (at >= count) refuse("an operand is missing");
    required -= !each.first.optional;
    binder.bind(each, operands[at++]);
  }
  if (at < count) refuse("there are more operands than this form has");
}

}  // namespace vgpu
