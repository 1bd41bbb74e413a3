#include "stack.h"

#include <algorithm>

#include "modifiers.h"

namespace vgpu {

bool is_stack_instruction(std::string_view base) {
  return base == "alloca" || base == "stacksave" || base == "stackrestore";
}

void reserve_stack(DraftFunction &function) {
  const auto &body = function.tree->body;
  const auto uses = [](const ptx::Instruction &each) { return is_stack_instruction(token_at(each.opcode, 0)); };
  if (std::none_of(body.begin(), body.end(), uses)) return;
  function.stack_offset = (function.local_bytes + 15) / 16 * 16;
  function.local_bytes = function.stack_offset + kStackBytes;
  function.stack_used = int32_t(function.make_register('x'));
  Draft empty;
  empty.source = &body.front();
  empty.op.form = form_mov_b64;
  empty.op.flags |= kHelper;
  empty.references = {{field_d, true, uint32_t(function.stack_used)},
                      {field_a, false, function.preload(Special::constant, 8, 0)}};
  function.drafts.push_back(std::move(empty));
}

namespace {

uint8_t log2_of_alignment(const ptx::Instruction &instruction) {
  if (instruction.operands.size() < 3) return 3;
  const int64_t bytes = instruction.operands[2].value;
  const bool power = bytes >= 1 && bytes <= 4096 && !(bytes & (bytes - 1));
  if (!power) throw UnsupportedForm{"alloca needs a power of two to align to"};
  uint8_t log2 = 0;
  while ((int64_t(1) << log2) < bytes) ++log2;
  return log2;
}

}  // namespace

void select_stack(const Selection &s, const ptx::Instruction &instruction) {
  DraftFunction &function = s.scope.function;
  const uint16_t form = s.forms.find(instruction.opcode);
  if (form == form_count) throw UnsupportedForm{"this instruction is not executed by the virtual GPU"};
  Draft draft;
  draft.source = &instruction;
  draft.guard = instruction.guard;
  draft.guard_negate = instruction.guard_negate;
  draft.op.form = form;
  draft.op.offset = kStackBytes;
  std::vector<ptx::Operand> operands = instruction.operands;
  if (form == form_stack_alloca) {
    draft.op.kind = log2_of_alignment(instruction);
    operands.resize(std::min<size_t>(operands.size(), 2));
  }
  std::vector<Draft> before, after;
  bind_operands(s.scope, operands, form_row(form).signature, draft, before, after);
  const uint32_t used = uint32_t(function.stack_used);
  const uint32_t base = function.preload(Special::local_base, 8, function.stack_offset);
  if (form != form_stackrestore) draft.references.push_back({field_b, false, used});
  draft.references.push_back({field_c, false, base});
  if (form != form_stacksave) draft.references.push_back({field_v0, true, used});
  before.push_back(std::move(draft));
  for (Draft &each : before) function.drafts.push_back(std::move(each));
}

}  // namespace vgpu
