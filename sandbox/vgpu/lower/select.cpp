#include "select.h"

#include <algorithm>
#include <functional>

#include "../isa/isa.h"
#include "calls.h"
#include "frame_params.h"
#include "matrix_forms.h"
#include "modifiers.h"
#include "stack.h"
#include "wide.h"

namespace vgpu {

namespace {

using Kind = ptx::Operand::Kind;

Draft begin(const ptx::Instruction &instruction) {
  Draft draft;
  draft.source = &instruction;
  draft.guard = instruction.guard;
  draft.guard_negate = instruction.guard_negate;
  return draft;
}

void emit(const Selection &s, std::vector<Draft> &&drafts) {
  for (Draft &each : drafts) s.scope.function.drafts.push_back(std::move(each));
}

// Binds `operands` to the row's signature and emits the result.
void emit_bound(const Selection &s, uint16_t form, const std::vector<ptx::Operand> &operands, Draft draft) {
  std::vector<Draft> before, after;
  draft.op.form = form;
  bind_operands(s.scope, operands, form_row(form).signature, draft, before, after);
  before.push_back(std::move(draft));
  for (Draft &each : after) before.push_back(std::move(each));
  emit(s, std::move(before));
}

// --- control flow ----------------------------------------------------------------------------------------------------

// The scope itself and those around it, innermost first: their numbers fall.
std::vector<uint32_t> scopes_around(const ptx::Function &function, uint32_t scope) {
  std::vector<uint32_t> around{scope};
  for (; scope != 0; around.push_back(scope)) scope = function.scopes[scope].parent;
  return around;
}

// As ptxas binds it: where the scope's own text has no such label, the closing brace takes the nearest one that stands
// before it; only what is then still open may stand behind.
uint32_t find_label(const ptx::Function &function, uint32_t scope, std::string_view name) {
  const std::vector<uint32_t> around = scopes_around(function, scope);
  const ptx::Label *before = nullptr, *any = nullptr;
  for (const ptx::Label &label : function.labels) {
    if (label.name != name) continue;
    if (!std::binary_search(around.begin(), around.end(), label.scope, std::greater<>())) continue;
    const bool known = label.scope == scope || size_t(&label - function.labels.data()) < function.scopes[scope].labels;
    if (known && (!before || label.scope > before->scope)) before = &label;
    if (!any || label.scope > any->scope) any = &label;
  }
  if (!any) throw UnsupportedForm{"no label " + std::string(name) + " is in this scope or in one around it"};
  return (before ? before : any)->instruction;
}

// The table of the innermost scope that has one of this name before the branch (both are views into one text).
const ptx::BranchTable &find_table(const ptx::Function &function, const ptx::Instruction &instruction,
                                   std::string_view name) {
  const std::vector<uint32_t> around = scopes_around(function, instruction.scope);
  const ptx::BranchTable *found = nullptr;
  for (const ptx::BranchTable &table : function.tables) {
    if (table.name != name || table.name.data() > instruction.text.data()) continue;
    if (!std::binary_search(around.begin(), around.end(), table.scope, std::greater<>())) continue;
    if (!found || table.scope > found->scope) found = &table;
  }
  if (!found) throw UnsupportedForm{"no branch table " + std::string(name) + " is in this scope or in one around it"};
  return *found;
}

bool is_return(const ptx::Function &function, uint32_t instruction) {
  if (instruction >= function.body.size()) return true;
  const ptx::Instruction &target = function.body[instruction];
  return target.guard < 0 && (target.opcode == "ret" || target.opcode == "ret.uni");
}

// The guard of a branch or return is its condition, not a mask around it.
void take_condition(Draft &draft) {
  if (draft.guard < 0) return;
  draft.references.push_back({field_a, false, uint32_t(draft.guard)});
  if (draft.guard_negate) draft.op.flags |= kNegate;
  draft.guard = -1;
}

void select_branch(const Selection &s, const ptx::Instruction &instruction) {
  Draft draft = begin(instruction);
  const bool conditional = instruction.guard >= 0;
  if (instruction.operands.empty() || instruction.operands[0].kind != Kind::symbol) {
    throw UnsupportedForm{"a branch needs a label"};
  }
  const ptx::Function &tree = *s.scope.function.tree;
  const uint32_t target = find_label(tree, instruction.scope, instruction.operands[0].symbol);
  take_condition(draft);
  if (is_return(tree, target)) {
    draft.op.form = conditional ? form_ret_if : form_ret;
    draft.op.flags |= kWasBranch;
  } else {
    draft.op.form = conditional ? form_bra_if : form_bra;
    draft.targets.push_back(target);
  }
  emit(s, {draft});
}

void select_leave(const Selection &s, const ptx::Instruction &instruction, bool exits) {
  Draft draft = begin(instruction);
  const bool conditional = instruction.guard >= 0;
  take_condition(draft);
  draft.op.form = exits ? (conditional ? form_exit_if : form_exit) : (conditional ? form_ret_if : form_ret);
  emit(s, {draft});
}

void select_table_branch(const Selection &s, const ptx::Instruction &instruction) {
  Draft draft = begin(instruction);
  draft.op.form = form_brx_idx;
  const ptx::Function &tree = *s.scope.function.tree;
  if (instruction.operands.size() < 2) throw UnsupportedForm{"a branch through a table needs an index and a table"};
  const ptx::BranchTable &table = find_table(tree, instruction, instruction.operands[1].symbol);
  for (const std::string_view name : table.targets) draft.targets.push_back(find_label(tree, table.scope, name));
  std::vector<Draft> before;
  draft.references.push_back({field_a, false, read_operand(s.scope, instruction.operands[0], 'w', draft, before)});
  emit(s, std::move(before));
  emit(s, {draft});
}

// --- data movement
// -----------------------------------------------------------------------------------------------------

void select_move(const Selection &s, const ptx::Instruction &instruction) {
  const bool packs = instruction.operands.size() == 2 && instruction.operands[1].kind == Kind::vector;
  const bool unpacks = instruction.operands.size() == 2 && instruction.operands[0].kind == Kind::vector;
  const std::string_view source =
      instruction.operands.size() == 2 ? instruction.operands[1].symbol : std::string_view();
  const std::string_view type = token_at(instruction.opcode, 1);
  if (type.empty()) throw UnsupportedForm{"a move needs a type"};
  const std::string width(type.substr(1));
  uint16_t form;
  std::vector<ptx::Operand> operands = instruction.operands;
  if (packs || unpacks) {
    const std::vector<ptx::Operand> &parts = instruction.operands[packs ? 1 : 0].parts;
    form = s.forms.find((packs ? "pack.b" : "unpack.b") + width + "." + std::to_string(parts.size()));
    operands = packs ? std::vector<ptx::Operand>{instruction.operands[0]} : std::vector<ptx::Operand>{};
    operands.insert(operands.end(), parts.begin(), parts.end());
    if (unpacks) operands.push_back(instruction.operands[1]);
  } else if (source == "%clock_hi" || source == "%globaltimer_hi") {
    form = form_read_clock_high;
    operands.pop_back();
  } else if (source.substr(0, 6) == "%clock" || source.substr(0, 11) == "%globaltime") {
    form = s.forms.find("read.clock.b" + width);
    operands.pop_back();
  } else {
    form = s.forms.find(instruction.opcode);
  }
  if (form == form_count) throw UnsupportedForm{"this move is not executed"};
  emit_bound(s, form, operands, begin(instruction));
}

// --- memory
// ------------------------------------------------------------------------------------------------------------

bool is_access(std::string_view base) {
  return base == "ld" || base == "st" || base == "ldu" || base == "atom" || base == "red" || base == "ldmatrix" ||
         base == "stmatrix";
}
uint32_t element_bytes(std::string_view opcode) {
  return ptx::bytes_of(ptx::type_of(opcode.substr(opcode.rfind('.') + 1)));
}

// The number of registers in a vector operand must be what the opcode says, and an access has at most 16 bytes.
void require_vector(std::string_view opcode, const std::vector<Draft> &drafts) {
  const std::string_view base = token_at(opcode, 0);
  if (!is_access(base)) return;
  const bool matrix = base == "ldmatrix" || base == "stmatrix";
  const uint32_t named = has_token(opcode, matrix ? "x4" : "v4")   ? 4
                         : has_token(opcode, matrix ? "x2" : "v2") ? 2
                         : has_token(opcode, "v8")                 ? 8
                                                                   : 1;
  for (size_t i = drafts.size(); i-- > 0;) {
    if (drafts[i].op.bytes == 0) continue;             // a conversion behind the access
    if (drafts[i].op.n != named) throw UnsupportedForm{"the vector operand has another length than the opcode says"};
    // 32 bytes: sm_100 on, in global memory.
    const Class cls = form_row(drafts[i].op.form).cls;
    const bool global = cls == Class::global_load || cls == Class::global_store;
    if (drafts[i].op.n * drafts[i].op.bytes > (global ? 32 : 16))
      throw UnsupportedForm{"an access of more bytes than a vector has is not executed"};
    return;
  }
}

// Parameters of the kernel are read at a fixed offset of the parameter block, or through their address.
void select_entry_param(const Selection &s, const ptx::Instruction &instruction) {
  ptx::Operand address = instruction.operands[1];
  if (address.reg >= 0) {
    const size_t space = instruction.opcode.find(".param"), rest = instruction.opcode.find('.', space + 1);
    if (rest == std::string_view::npos) throw UnsupportedForm{"an access needs a type"};
    const std::string opcode = "ld.const" + std::string(instruction.opcode.substr(rest));
    const uint16_t form = s.forms.find(opcode);
    if (form == form_count) throw UnsupportedForm{"this load of a parameter is not executed"};
    return emit_bound(s, form, instruction.operands, begin(instruction));
  }
  const uint16_t form = s.forms.find(instruction.opcode);
  if (form == form_count || address.variable < 0) throw UnsupportedForm{"this load of a parameter is not executed"};
  uint32_t offset = 0, end = 0;
  for (const uint32_t index : s.scope.function.tree->params) {
    const ptx::Variable &param = s.scope.function.tree->variables[index];
    end = (end + param.align - 1) / param.align * param.align;
    if (index == uint32_t(address.variable)) offset = end;
    end += uint32_t(param.bytes);
  }
  const int64_t at = offset + address.value;
  std::vector<Draft> before, after;
  Draft draft = begin(instruction);
  draft.op.form = form;
  bind_operands(s.scope, {instruction.operands[0]}, std::string(form_row(form).signature).substr(0, 3).c_str(), draft,
                before, after);
  draft.op.offset = at;
  draft.op.bytes = uint8_t(element_bytes(instruction.opcode));
  if (at < 0 || at + draft.op.n * draft.op.bytes > end) {
    throw UnsupportedForm{"the offset is outside the kernel's parameters"};
  }
  emit(s, {draft});
  emit(s, std::move(after));
}

// --- everything else
// ---------------------------------------------------------------------------------------------------

// cp.async has two forms that differ in the fourth operand only: a number of bytes or a predicate.
uint16_t choose_async_copy(const Selection &s, const ptx::Instruction &instruction) {
  const std::vector<ptx::Operand> &operands = instruction.operands;
  if (has_token(instruction.opcode, "cg") && operands.size() > 2 && operands[2].value != 16) {
    throw UnsupportedForm{"cp.async.cg copies 16 bytes"};
  }
  const bool ignores = operands.size() > 3 && operands[3].kind == Kind::reg &&
                       s.scope.function.registers[uint32_t(operands[3].reg)].kind == 'p';
  return ignores ? form_cp_async_ignore_src : form_cp_async;
}

// ptxas keeps 16 bits of a known count, where the manual has it clamped; what is in a register it may know, too.
void require_short_count(const Selection &s, uint16_t form, const ptx::Instruction &instruction) {
  const std::vector<ptx::Operand> &operands = instruction.operands;
  const bool is_short = form == form_shl_b16 || form == form_shr_u16 || form == form_shr_s16;
  if (!is_short || operands.size() < 3) return;
  if (operands[2].kind == Kind::integer && uint32_t(operands[2].value) > 0xffff) {
    throw UnsupportedForm{"a shift of 16 bits by more than 65535 is not executed: assemblers do not agree on it"};
  }
  if (operands[2].kind != Kind::reg) return;
  Draft check = begin(instruction);
  check.op.form = form_short_count;
  std::vector<Draft> before;
  check.references.push_back({field_a, false, read_operand(s.scope, operands[2], 'w', check, before)});
  emit(s, std::move(before));
  emit(s, {check});
}

uint16_t find_form(const Selection &s, const ptx::Instruction &instruction) {
  const std::string opcode = manual_order(instruction.opcode);
  const std::string_view base = token_at(instruction.opcode, 0);
  const uint16_t form = s.forms.find(opcode);
  if (form == form_cp_async) return choose_async_copy(s, instruction);
  require_short_count(s, form, instruction);
  const bool three =
      instruction.operands.size() == 4 && opcode.size() > 4 && opcode.substr(opcode.size() - 4) == ".f32";
  if (three && base == "min") return form_min3_f32;
  if (three && base == "max") return form_max3_f32;
  return form;
}

// lop3 d, a, b, c, table {, p}: the table is an immediate.
void take_table(std::vector<ptx::Operand> &operands, Draft &draft) {
  if (operands.size() < 5 || operands[4].kind != Kind::integer) throw UnsupportedForm{"lop3 needs a table"};
  draft.op.offset = operands[4].value;
  operands.erase(operands.begin() + 4);
}

// A guarded operation that may switch warps is jumped over instead of masked.
bool must_branch_around(const ptx::Instruction &instruction) {
  const std::string_view base = token_at(instruction.opcode, 0);
  return instruction.guard >= 0 &&
         (base == "call" || base == "bar" || base == "barrier" || base == "trap" || base == "brx");
}

void select_guarded(const Selection &s, const ptx::Instruction &instruction);

void select_plain(const Selection &s, const ptx::Instruction &instruction) {
  select_form(s, find_form(s, instruction), instruction.operands, instruction, instruction.opcode);
}

void select_any(const Selection &s, const ptx::Instruction &instruction) {
  const std::string_view base = token_at(instruction.opcode, 0);
  if (must_branch_around(instruction)) return select_guarded(s, instruction);
  if (instruction.opcode == "bra" || instruction.opcode == "bra.uni") return select_branch(s, instruction);
  if (base == "ret" || base == "exit") return select_leave(s, instruction, base == "exit");
  if (base == "brx") return select_table_branch(s, instruction);
  if (base == "call") return select_call(s, instruction);
  if (is_stack_instruction(base)) return select_stack(s, instruction);
  if (select_wide(s, instruction)) return;
  if (base == "mov") return select_move(s, instruction);
  if (!select_param(s, instruction)) select_plain(s, instruction);
}

void select_guarded(const Selection &s, const ptx::Instruction &instruction) {
  const uint32_t here = uint32_t(&instruction - s.scope.function.tree->body.data());
  Draft around = begin(instruction);
  around.op.form = form_bra_if;
  around.guard_negate = !around.guard_negate;
  take_condition(around);
  around.targets.push_back(here + 1);
  emit(s, {around});
  const size_t first = s.scope.function.drafts.size();
  ptx::Instruction bare = instruction;
  bare.guard = -1;
  select_any(s, bare);
  for (size_t i = first; i < s.scope.function.drafts.size(); ++i) {
    s.scope.function.drafts[i].source = &instruction;
  }
}

}  // namespace

bool select_param(const Selection &s, const ptx::Instruction &instruction) {
  const std::string_view base = token_at(instruction.opcode, 0), space = token_at(instruction.opcode, 1);
  if ((base != "ld" && base != "st") || space.substr(0, 5) != "param") return false;
  if (instruction.operands.size() != 2) throw UnsupportedForm{"an access needs a register and an address"};
  const ptx::Operand &address = instruction.operands[base == "ld" ? 1 : 0];
  const ptx::Function &tree = *s.scope.function.tree;
  bool of_kernel = address.variable < 0;
  for (const uint32_t index : tree.params) of_kernel |= tree.entry && int32_t(index) == address.variable;
  if (of_kernel && base == "ld") select_entry_param(s, instruction);
  else emit(s, frame_param_access(s.scope, s.forms, instruction));
  return true;
}

void select_form(const Selection &s, uint16_t form, std::vector<ptx::Operand> operands,
                 const ptx::Instruction &instruction, std::string_view opcode) {
  if (form == form_count) throw UnsupportedForm{"this instruction is not executed by the virtual GPU"};
  Draft draft = begin(instruction);
  decode_modifiers(opcode, draft.op);
  draft.op.form = form;
  const std::string ordered = manual_order(opcode);
  decode_matrix(ordered, draft.op);
  require_fragment(ordered, operands, draft.op);
  if (is_access(token_at(opcode, 0))) draft.op.bytes = uint8_t(element_bytes(opcode));
  if (form == form_lop3_b32 || form == form_lop3_pred) take_table(operands, draft);
  emit_bound(s, form, operands, draft);
  require_vector(opcode, s.scope.function.drafts);
}

void select_instruction(const Selection &s, const ptx::Instruction &instruction) {
  const size_t before = s.scope.function.drafts.size();
  try {
    select_any(s, instruction);
  } catch (const UnsupportedForm &refused) {
    s.scope.function.drafts.resize(before);
    Draft draft = begin(instruction);
    draft.guard = -1;
    draft.op.form = form_unsupported;
    draft.op.offset = int64_t(s.program.notes.size());
    s.program.notes.push_back(refused.message);
    if (instruction.guard >= 0) {
      Draft around = begin(instruction);
      around.op.form = form_bra_if;
      around.guard_negate = !around.guard_negate;
      take_condition(around);
      around.targets.push_back(uint32_t(&instruction - s.scope.function.tree->body.data()) + 1);
      emit(s, {around});
    }
    emit(s, {draft});
  }
}

}  // namespace vgpu
