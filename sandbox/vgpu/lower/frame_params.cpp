#include "frame_params.h"

#include "modifiers.h"

namespace vgpu {

uint32_t words_of(const ptx::Variable &variable) { return uint32_t(variable.bytes + 3) / 4; }

uint32_t first_word(const DraftFunction &function, uint32_t variable) {
  const auto found = function.variable_word.find(variable);
  if (found != function.variable_word.end()) return found->second;
  throw UnsupportedForm{"'" + std::string(function.tree->variables[variable].name) + "' is not a parameter"};
}

namespace {

Draft operation(const ptx::Instruction &instruction, uint16_t form, std::vector<Reference> references) {
  Draft draft;
  draft.source = &instruction;
  draft.guard = instruction.guard;
  draft.guard_negate = instruction.guard_negate;
  draft.op.form = form;
  draft.references = std::move(references);
  return draft;
}

struct ParamAccess {
  const Scope &scope;
  FormFinder &forms;
  const ptx::Instruction &instruction;
  std::string_view type;
  uint32_t bytes;
};

uint32_t result_register(const ParamAccess &access, const ptx::Operand &value) {
  if (value.kind == ptx::Operand::Kind::sink) return access.scope.function.make_register(access.bytes == 8 ? 'x' : 'w');
  if (value.kind != ptx::Operand::Kind::reg) throw UnsupportedForm{"a result must be a register"};
  const char kind = access.scope.function.registers[size_t(value.reg)].kind;
  if (kind == 'w' && access.bytes == 8) throw UnsupportedForm{"a parameter has another width than its register"};
  return uint32_t(value.reg);
}

void load_one(const ParamAccess &access, uint32_t word, uint32_t byte, const ptx::Operand &value,
              std::vector<Draft> &out) {
  DraftFunction &function = access.scope.function;
  const uint32_t whole = result_register(access, value), from = function.word(word);
  // A narrower parameter is extended to its register as its type says.
  const bool widens = function.registers[whole].kind == 'x' && access.bytes < 8;
  const uint32_t d = widens ? function.make_register('w') : whole;
  if (access.bytes == 8) {
    const uint32_t high = function.word(word + 1);
    out.push_back(operation(access.instruction, form_pack_2x32,
                            {{field_d, true, d}, {field_a, false, from}, {field_b, false, high}}));
  } else if (access.bytes == 4) {
    out.push_back(operation(access.instruction, form_mov_b32, {{field_d, true, d}, {field_a, false, from}}));
  } else {
    const uint16_t form = access.forms.find("frame_load." + std::string(access.type));
    out.push_back(operation(access.instruction, form, {{field_d, true, d}, {field_a, false, from}}));
    out.back().op.offset = byte * 8;
  }
  if (!widens) return;
  const uint16_t form = access.type[0] == 's' ? form_cvt_u64_s32 : form_cvt_u64_u32;
  out.push_back(operation(access.instruction, form, {{field_d, true, whole}, {field_a, false, d}}));
  out.back().op.flags |= kHelper;
}

void store_one(const ParamAccess &access, uint32_t word, uint32_t byte, const ptx::Operand &value,
               std::vector<Draft> &out) {
  DraftFunction &function = access.scope.function;
  Draft near = operation(access.instruction, form_mov_b32, {});
  const uint32_t from = read_operand(access.scope, value, access.bytes == 8 ? 'x' : 'w', near, out),
                 to = function.word(word);
  if (access.bytes == 8) {
    const uint32_t high = function.word(word + 1);
    out.push_back(operation(access.instruction, form_unpack_2x32,
                            {{field_d, true, to}, {field_v0, true, high}, {field_a, false, from}}));
  } else if (access.bytes == 4) {
    out.push_back(operation(access.instruction, form_mov_b32, {{field_d, true, to}, {field_a, false, from}}));
  } else {
    const uint16_t form = access.forms.find("frame_store." + std::string(access.type));
    out.push_back(
        operation(access.instruction, form, {{field_d, true, to}, {field_a, false, to}, {field_b, false, from}}));
    out.back().op.offset = byte * 8;
  }
}

}  // namespace

std::vector<Draft> frame_param_access(const Scope &scope, FormFinder &forms, const ptx::Instruction &instruction) {
  const bool loads = instruction.opcode[0] == 'l';
  const std::string_view type = instruction.opcode.substr(instruction.opcode.rfind('.') + 1);
  const ParamAccess access{scope, forms, instruction, type, ptx::bytes_of(ptx::type_of(type))};
  if (instruction.operands.size() != 2 || access.bytes == 0 || access.bytes > 8)
    throw UnsupportedForm{"this parameter access is not executed"};
  const ptx::Operand &address = instruction.operands[loads ? 1 : 0], &value = instruction.operands[loads ? 0 : 1];
  if (address.variable < 0 || address.reg >= 0)
    throw UnsupportedForm{"a parameter of a function is reached by its name only"};
  const ptx::Variable &variable = scope.function.tree->variables[size_t(address.variable)];
  const bool vector = value.kind == ptx::Operand::Kind::vector;
  const size_t count = vector ? value.parts.size() : 1;
  if (address.value < 0 || uint64_t(address.value) + count * access.bytes > variable.bytes) {
    throw UnsupportedForm{"the offset is outside the parameter"};
  }
  std::vector<Draft> out;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t byte = uint32_t(address.value) + uint32_t(i) * access.bytes;
    const uint32_t word = first_word(scope.function, uint32_t(address.variable)) + byte / 4;
    const ptx::Operand &element = vector ? value.parts[i] : value;
    if (loads) load_one(access, word, byte % 4, element, out);
    else store_one(access, word, byte % 4, element, out);
  }
  return out;
}

}  // namespace vgpu
