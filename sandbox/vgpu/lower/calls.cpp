#include "calls.h"

#include <algorithm>

#include "../isa/isa.h"
#include "frame_params.h"

namespace vgpu {

uint32_t CallTable::reach(uint32_t module_index) {
  const auto known = std::find(reached_.begin(), reached_.end(), module_index);
  if (known != reached_.end()) return uint32_t(known - reached_.begin());
  reached_.push_back(module_index);
  return uint32_t(reached_.size() - 1);
}

void CallTable::reach_all_addresses() {
  for (const ptx::Variable &variable : module_.variables) {
    for (const ptx::Relocation &each : variable.relocations) {
      const auto found = image_.function.find(each.symbol);
      if (found != image_.function.end() && module_.functions[found->second].defined) reach(found->second);
    }
  }
}

namespace {

using Kind = ptx::Operand::Kind;

struct Parsed {
  std::vector<uint32_t> results, arguments;    // variables of the caller
  const ptx::Operand *target = nullptr;
};

std::vector<uint32_t> variables_of(const ptx::Operand &list) {
  std::vector<uint32_t> variables;
  for (const ptx::Operand &each : list.parts) {
    if (each.variable < 0) throw UnsupportedForm{"an argument of a call must be a .param variable"};
    variables.push_back(uint32_t(each.variable));
  }
  return variables;
}

// call (results), target, (arguments), prototype;
Parsed parse_call(const ptx::Instruction &instruction) {
  Parsed parsed;
  for (const ptx::Operand &operand : instruction.operands) {
    if (operand.kind == Kind::list) {
      (parsed.target ? parsed.arguments : parsed.results) = variables_of(operand);
    } else if (!parsed.target) {
      parsed.target = &operand;
    }
  }
  if (!parsed.target) throw UnsupportedForm{"a call needs a target"};
  return parsed;
}

// The callee's frame begins with its results, then its parameters, each on words of their own.
uint32_t add_site(const Selection &s, const Parsed &parsed) {
  CallSite site{s.scope.function.index, 0, {}, {}};
  uint32_t at = 0;
  const auto add = [&](const std::vector<uint32_t> &variables, std::vector<Copy> &copies) {
    for (const uint32_t index : variables) {
      const uint32_t words = words_of(s.scope.function.tree->variables[index]);
      copies.push_back({first_word(s.scope.function, index) * 128, at * 128, words});
      at += words;
    }
  };
  add(parsed.results, site.returns);
  add(parsed.arguments, site.arguments);
  site.words = at;
  s.program.calls.push_back(std::move(site));
  s.program.has_calls = true;
  return uint32_t(s.program.calls.size() - 1);
}

// The host functions with the words of each parameter and of the result, in the order of HostFunction.
struct HostRow { std::string_view name; HostFunction function; std::string_view parameters; uint32_t result; };
constexpr HostRow kHostRows[] = {
    {"vprintf", HostFunction::vprintf, "22", 1},
    {"__assertfail", HostFunction::assertfail, "22122", 0},
    {"malloc", HostFunction::malloc, "2", 2},
    {"free", HostFunction::free, "2", 0},
};

void require_signature(const HostRow &row, const CallSite &site) {
  std::string words;
  for (const Copy &each : site.arguments) words += std::to_string(each.words);
  const bool result =
      row.result == 0 ? site.returns.empty() : site.returns.size() == 1 && site.returns[0].words == row.result;
  if (words != row.parameters || !result) throw UnsupportedForm{"the call does not fit the function it names"};
}

bool find_host_function(std::string_view name, HostRow &row) {
  for (const HostRow &each : kHostRows) {
    if (each.name != name) continue;
    row = each;
    return true;
  }
  return false;
}

// The call reads its arguments and writes its results: the copies are of fixed words, which never share a slot.
Draft call_draft(const Selection &s, const ptx::Instruction &instruction, uint16_t form, const Parsed &parsed) {
  Draft draft;
  draft.source = &instruction;
  draft.op.form = form;
  draft.op.v[0] = add_site(s, parsed);
  return draft;
}

}  // namespace

void select_call(const Selection &s, const ptx::Instruction &instruction) {
  const Parsed parsed = parse_call(instruction);
  DraftFunction &function = s.scope.function;
  if (parsed.target->kind == Kind::reg) {
    Draft draft = call_draft(s, instruction, form_call_indirect, parsed);
    draft.references.push_back({field_a, false, uint32_t(parsed.target->reg)});
    s.calls.reach_all_addresses();
    function.drafts.push_back(std::move(draft));
    return;
  }
  const auto found = s.scope.image.function.find(parsed.target->symbol);
  if (found == s.scope.image.function.end()) throw UnsupportedForm{"the called function is not declared"};
  HostRow host{};
  if (s.scope.module.functions[found->second].defined) {
    Draft draft = call_draft(s, instruction, form_call, parsed);
    draft.op.target = s.calls.reach(found->second);
    function.drafts.push_back(std::move(draft));
  } else if (find_host_function(parsed.target->symbol, host)) {
    Draft draft = call_draft(s, instruction, form_call_host, parsed);
    require_signature(host, s.program.calls.back());
    draft.op.kind = uint8_t(host.function);
    function.drafts.push_back(std::move(draft));
  } else {
    throw UnsupportedForm{"the external function " + std::string(parsed.target->symbol) + " is not executed"};
  }
}

}  // namespace vgpu
