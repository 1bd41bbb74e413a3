#include "wide.h"

#include "modifiers.h"

namespace vgpu {

namespace {

using Kind = ptx::Operand::Kind;

std::string replaced(std::string_view opcode, std::string_view what, std::string_view with) {
  std::string out;
  for (size_t i = 0; !token_at(opcode, i).empty(); ++i) {
    const std::string_view token = token_at(opcode, i);
    out += (i ? "." : "") + std::string(token == what ? with : token);
  }
  return out;
}

ptx::Operand register_operand(uint32_t reg) {
  ptx::Operand operand;
  operand.kind = Kind::reg;
  operand.reg = int32_t(reg);
  return operand;
}

// A .b128 register as the vector of its halves, low first; anything else as it is.
ptx::Operand halves_of(const DraftFunction &function, const ptx::Operand &operand) {
  if (operand.kind != Kind::reg && operand.kind != Kind::sink) return operand;
  ptx::Operand pair;
  pair.kind = Kind::vector;
  pair.parts.resize(2);
  if (operand.kind == Kind::sink) return pair;
  const auto high = function.high_half.find(uint32_t(operand.reg));
  if (high == function.high_half.end()) throw UnsupportedForm{"a 128-bit operand needs a .b128 register"};
  pair.parts[0] = operand;
  pair.parts[1] = register_operand(high->second);
  return pair;
}

// mov.b128: from a register or a pair to a register or a pair, the low half first. One instruction, two moves.
void select_wide_move(const Selection &s, const ptx::Instruction &instruction) {
  if (instruction.operands.size() != 2) throw UnsupportedForm{"this move is not executed"};
  const ptx::Operand to = halves_of(s.scope.function, instruction.operands[0]);
  const ptx::Operand from = halves_of(s.scope.function, instruction.operands[1]);
  if (to.kind != Kind::vector || from.kind != Kind::vector || to.parts.size() != 2 || from.parts.size() != 2)
    throw UnsupportedForm{"this move is not executed"};
  // The sources are read before either result is written.
  const ptx::Operand held = register_operand(s.scope.function.make_register('x'));
  const size_t first = s.scope.function.drafts.size();
  select_form(s, form_mov_b64, {held, from.parts[1]}, instruction, "mov.b64");
  select_form(s, form_mov_b64, {to.parts[0], from.parts[0]}, instruction, "mov.b64");
  select_form(s, form_mov_b64, {to.parts[1], held}, instruction, "mov.b64");
  for (size_t i = first + 1; i < s.scope.function.drafts.size(); ++i) s.scope.function.drafts[i].op.flags |= kHelper;
}

// ld.param and st.param: as the same access of two halves.
void select_wide_param(const Selection &s, const ptx::Instruction &instruction, std::vector<ptx::Operand> operands,
                       std::string_view opcode) {
  ptx::Instruction halved = instruction;
  halved.opcode = opcode;
  halved.operands = std::move(operands);
  const size_t first = s.scope.function.drafts.size();
  select_param(s, halved);
  for (size_t i = first; i < s.scope.function.drafts.size(); ++i) s.scope.function.drafts[i].source = &instruction;
}

void select_wide_access(const Selection &s, const ptx::Instruction &instruction, bool atomic) {
  const std::string opcode =
      atomic ? std::string(instruction.opcode) : replaced(instruction.opcode, "b128", "v2.b64");
  if (instruction.operands.size() < 2) throw UnsupportedForm{"an operand is missing"};
  std::vector<ptx::Operand> operands;
  for (const ptx::Operand &each : instruction.operands) operands.push_back(halves_of(s.scope.function, each));
  if (token_at(opcode, 1).substr(0, 5) == "param") return select_wide_param(s, instruction, operands, opcode);
  const bool hinted = has_token(instruction.opcode, "L2::cache_hint");
  if (hinted) operands.back() = instruction.operands.back();      // the policy is one register
  select_form(s, s.forms.find(opcode), operands, instruction, opcode);
}

// ld.v8 and st.v8 of 32-bit elements.
void select_eight(const Selection &s, const ptx::Instruction &instruction) {
  const bool loads = token_at(instruction.opcode, 0) == "ld";
  if (instruction.operands.size() < 2) throw UnsupportedForm{"an operand is missing"};
  std::vector<ptx::Operand> operands = instruction.operands;
  ptx::Operand &vector = operands[loads ? 0 : 1];
  const std::vector<ptx::Operand> eight = vector.parts;
  const std::string_view type = instruction.opcode.substr(instruction.opcode.rfind('.') + 1);
  if (eight.size() != 8 || ptx::bytes_of(ptx::type_of(type)) != 4)
    throw UnsupportedForm{"an access of eight elements is executed for 32-bit types only"};
  vector.parts.clear();
  for (int i = 0; i < 4; ++i) vector.parts.push_back(register_operand(s.scope.function.make_register('x')));
  const std::vector<ptx::Operand> four = vector.parts;
  const std::string opcode = replaced(replaced(instruction.opcode, "v8", "v4"), type, "b64");
  const size_t first = s.scope.function.drafts.size();
  if (loads) select_form(s, s.forms.find(opcode), operands, instruction, opcode);
  for (size_t i = 0; i < 4; ++i) {
    if (loads) select_form(s, form_unpack_2x32, {eight[2 * i], eight[2 * i + 1], four[i]}, instruction, "mov.b64");
    else select_form(s, form_pack_2x32, {four[i], eight[2 * i], eight[2 * i + 1]}, instruction, "mov.b64");
  }
  std::vector<Draft> &drafts = s.scope.function.drafts;
  for (size_t i = first + loads; i < drafts.size(); ++i) drafts[i].op.flags |= kHelper;
  if (!loads) select_form(s, s.forms.find(opcode), operands, instruction, opcode);
}

}  // namespace

void split_wide_registers(DraftFunction &function) {
  const std::vector<ptx::Type> &types = function.tree->registers;
  for (uint32_t reg = 0; reg < types.size(); ++reg) {
    if (types[reg] == ptx::Type::b128) function.high_half[reg] = function.make_register('x');
  }
}

bool select_wide(const Selection &s, const ptx::Instruction &instruction) {
  const std::string_view base = token_at(instruction.opcode, 0);
  const bool access = base == "ld" || base == "st";
  if (access && has_token(instruction.opcode, "v8")) {
    select_eight(s, instruction);
    return true;
  }
  if (!has_token(instruction.opcode, "b128")) return false;
  if (base == "mov") select_wide_move(s, instruction);
  else if (access || base == "atom") select_wide_access(s, instruction, base == "atom");
  else return false;
  return true;
}

}  // namespace vgpu
