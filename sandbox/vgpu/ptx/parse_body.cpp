// Inside a function: scopes, labels, registers, instructions and their operands.
#include "parser_state.h"

namespace vgpu::ptx {

void Parser::body(Function &function) {
  expect('{', "before a function body");
  while (!in_.at_end() && !open_.empty() && diagnostics_.size() < kMaxDiagnostics) {
    if (in_.take('{')) {
      open_.push_back(static_cast<uint32_t>(function.scopes.size()));
      function.scopes.push_back({open_[open_.size() - 2], static_cast<uint32_t>(function.labels.size())});
      scopes_.push();
    } else if (in_.take('}')) {
      open_.pop_back();
      scopes_.pop();
    } else {
      statement(function);
    }
  }
  if (!open_.empty()) error("the body of '" + std::string(function.name) + "' is not closed");
}

void Parser::statement(Function &function) {
  const uint32_t line = in_.line();
  const char next = in_.peek();
  if (next == '.') return body_directive(function, line);
  if (next == ';') return in_.forward(1);
  if (next == '@') return instruction(function);
  Cursor probe = in_;
  const std::string_view name = probe.identifier();
  if (!name.empty() && probe.peek() == ':' && probe.raw(1) != ':') {
    in_ = probe;
    in_.take(':');
    return label(function, name);
  }
  instruction(function);
}

void Parser::label(Function &function, std::string_view name) {
  Cursor probe = in_;
  if (probe.peek() == '.') {
    const std::string_view word = probe.directive();
    if (word == ".callprototype" || word == ".calltargets") return in_.skip_past(';');
    if (word == ".branchtargets") {
      in_ = probe;
      BranchTable table{name, {}, open_.back()};
      do table.targets.push_back(in_.identifier());
      while (in_.take(','));
      expect(';', "after .branchtargets");
      function.tables.push_back(std::move(table));
      return;
    }
  }
  function.labels.push_back({name, open_.back(), static_cast<uint32_t>(function.body.size())});
}

void Parser::body_directive(Function &function, uint32_t) {
  const std::string_view word = in_.directive();
  if (word == ".loc") return location();
  if (word == ".file") return file_directive();
  if (word == ".reg") return register_declaration(function);
  if (word == ".pragma" || word == ".alias") return in_.skip_past(';');
  if (word == ".section") return in_.skip_braces();
  const bool external = word == ".extern";
  const std::string_view space = external ? in_.directive() : word;
  const Space where = space == ".shared" ? Space::shared : space == ".local" ? Space::local : Space::param;
  if (where == Space::param && space != ".param") {
    error("unknown directive '" + std::string(space) + "' in a function");
    return in_.skip_past(';');
  }
  function.variables.push_back(declare(where));
  scopes_.declare_variable(function.variables.back().name, uint32_t(function.variables.size() - 1));
  expect(';', "after a variable");
}

void Parser::register_declaration(Function &function) {
  Type type = Type::none;
  while (in_.peek() == '.') {
    const std::string_view word = in_.directive();
    if (type_of(word.substr(1)) == Type::none) error("register type '" + std::string(word) + "' is not executed");
    type = type_of(word.substr(1));
  }
  do {
    const std::string_view name = in_.identifier();
    int64_t count = -1;
    if (in_.take('<')) {
      if (!in_.integer(count)) error("a register range needs a number");
      expect('>', "after a register range");
    }
    if (name.empty()) error("a register needs a name");
    if (count > int64_t(kMaxRegisters) || function.registers.size() > kMaxRegisters) {
      error("a function has more than " + std::to_string(kMaxRegisters) + " registers");
      return in_.skip_past(';');
    }
    const uint32_t first = static_cast<uint32_t>(function.registers.size());
    scopes_.declare_registers(name, first, count);
    function.registers.resize(first + static_cast<size_t>(count < 0 ? 1 : count), type);
  } while (in_.take(','));
  expect(';', "after registers");
}

void Parser::check_opcode(std::string_view opcode) {
  const bool empty_word = opcode.find("..") != std::string_view::npos || (!opcode.empty() && opcode.back() == '.');
  if (empty_word || opcode.size() > kMaxOpcode) error("'" + std::string(opcode.substr(0, 40)) + "' is not an opcode");
}

void Parser::instruction(Function &function) {
  Instruction made;
  in_.skip_space();
  const size_t start = in_.position();
  made.line = in_.line();
  made.file = position_.file;
  made.source_line = position_.line;
  made.scope = open_.back();
  if (in_.take('@')) {
    made.guard_negate = in_.take('!');
    made.guard = scopes_.find(in_.identifier()).reg;
    if (made.guard < 0) error("the guard is not a declared predicate");
  }
  made.opcode = in_.dotted();
  check_opcode(made.opcode);
  while (in_.peek() != ';' && !in_.at_end()) {
    Operand parsed;
    if (made.opcode.empty() || !operand(function, parsed)) {
      error("this is not an instruction");
      return in_.skip_past(';');
    }
    made.operands.push_back(std::move(parsed));
    if (!in_.take(',')) break;
  }
  made.text = in_.between(start, in_.position());
  if (made.opcode == "bra" && made.operands.empty()) error("bra needs a label");
  if (!in_.take(';')) {
    error("expected ';' after '" + std::string(made.text) + "'");
    return in_.skip_past(';');
  }
  function.body.push_back(std::move(made));
}

// Whether the parenthesis that comes next opens a constant expression, not a list of call operands.
bool Parser::constant_follows() {
  Cursor probe = in_;
  int64_t ignored = 0;
  return probe.expression(ignored);
}

bool Parser::operand(Function &function, Operand &out, bool nested) {
  out.negate = !(in_.peek() == '!' && constant_follows()) && in_.take('!');
  const char next = in_.peek();
  if (nested && (next == '{' || next == '(' || next == '[')) return false;
  if (next == '{') return in_.take('{') && operand_list(function, out, '}', Operand::Kind::vector);
  if (next == '(' && !constant_follows()) return in_.take('(') && operand_list(function, out, ')', Operand::Kind::list);
  if (next == '[') return memory_operand(function, out);
  bool is_f64 = false;
  if (in_.real(out.value, is_f64)) {
    out.kind = is_f64 ? Operand::Kind::f64 : Operand::Kind::f32;
    return true;
  }
  if (in_.expression(out.value)) {
    out.kind = Operand::Kind::integer;
    return true;
  }
  const std::string_view name = in_.peek() == '%' ? in_.dotted() : in_.identifier();
  if (name.empty()) return false;
  name_operand(function, out, name);
  if (in_.take('|')) {
    Operand pair;
    pair.kind = Operand::Kind::pair;
    pair.parts.push_back(out);
    pair.parts.emplace_back();
    if (nested || !operand(function, pair.parts[1], true)) return false;
    out = std::move(pair);
  } else if (out.kind == Operand::Kind::symbol && (in_.peek() == '+' || in_.peek() == '-')) {
    in_.take('+');
    return in_.expression(out.value);
  }
  return true;
}

void Parser::name_operand(Function &, Operand &out, std::string_view name) {
  out.kind = Operand::Kind::sink;
  if (name == "_") return;
  const Scopes::Found found = scopes_.find(name);
  out.reg = found.reg;
  out.kind = out.reg >= 0 ? Operand::Kind::reg : Operand::Kind::symbol;
  if (out.reg >= 0) return;
  out.symbol = name;
  out.variable = found.variable;
}

bool Parser::operand_list(Function &function, Operand &out, char close, Operand::Kind kind) {
  out.kind = kind;
  while (!in_.at_end() && in_.peek() != close) {
    out.parts.emplace_back();
    if (!operand(function, out.parts.back(), true)) return false;
    if (!in_.take(',')) break;
  }
  return in_.take(close);
}

bool Parser::memory_operand(Function &function, Operand &out) {
  in_.take('[');
  int64_t absolute = 0;
  if (in_.expression(absolute)) {
    out.value = absolute;
  } else {
    name_operand(function, out, in_.identifier());
    if (out.kind == Operand::Kind::sink) return false;
    in_.take('+');
    if (in_.peek() != ']' && in_.peek() != ',' && !in_.expression(out.value)) return false;
  }
  out.kind = Operand::Kind::memory;
  while (in_.take(',')) {  // tensor coordinates: [map, {x, y}]
    out.parts.emplace_back();
    if (in_.peek() == '[' || !operand(function, out.parts.back())) return false;
  }
  return in_.take(']');
}

}  // namespace vgpu::ptx
