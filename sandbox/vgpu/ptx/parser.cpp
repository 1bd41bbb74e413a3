#include "parser.h"

#include <algorithm>
#include <cstring>

#include "cursor.h"
#include "scopes.h"

namespace vgpu::ptx {

namespace {

constexpr size_t kMaxDiagnostics = 50;

struct Position { uint32_t file = 0, line = 0; };

class Parser {
 public:
  Parser(Module &module, std::vector<Diagnostic> &diagnostics)
      : module_(module), diagnostics_(diagnostics), in_(module.text) {}
  void run();

 private:
  void directive();
  void linkage_then(std::string_view word);
  void function(bool entry);
  void parameters(Function &, std::vector<uint32_t> &indices, char open, char close);
  void function_attributes(Function &);
  void body(Function &);
  void statement(Function &);
  void body_directive(Function &, uint32_t line);
  void instruction(Function &);
  void register_declaration(Function &);
  void label(Function &, std::string_view name);
  Variable declare(Space, bool with_name = true);
  void dimensions(Variable &);
  void initialiser(Variable &);
  void initial_value(Variable &, uint64_t &offset);
  bool operand(Function &, Operand &);
  bool operand_list(Function &, Operand &, char close, Operand::Kind);
  bool memory_operand(Function &, Operand &);
  void name_operand(Function &, Operand &, std::string_view name);
  void location();
  void file_directive();
  Function &function_named(std::string_view name);
  void error(const std::string &message);
  void expect(char c, const char *where);

  Module &module_;
  std::vector<Diagnostic> &diagnostics_;
  Cursor in_;
  Scopes scopes_;
  Position position_;
  std::vector<uint32_t> open_;               // stack of open scopes
};

void Parser::error(const std::string &message) {
  if (diagnostics_.size() < kMaxDiagnostics) diagnostics_.push_back({in_.line(), message});
}

void Parser::expect(char c, const char *where) {
  if (!in_.take(c)) error(std::string("expected '") + c + "' " + where + ", found '" + in_.peek() + "'");
}

void Parser::run() {
  while (!in_.at_end() && diagnostics_.size() < kMaxDiagnostics) {
    if (in_.peek() == '.') {
      directive();
    } else {
      error(std::string("expected a directive at module scope, found '") + in_.peek() + "'");
      in_.skip_past(';');
    }
  }
}

void Parser::directive() {
  const std::string_view word = in_.directive();
  if (word == ".version") return in_.skip_line();
  if (word == ".address_size") {
    int64_t bits = 0;
    if (!in_.integer(bits) || bits != 64) error("only .address_size 64 is executed; compile for a 64-bit address space");
    return;
  }
  if (word == ".target") {
    module_.target = std::string(in_.identifier());
    return in_.skip_line();
  }
  if (word == ".file") return file_directive();
  if (word == ".loc") return location();
  if (word == ".section") return in_.skip_braces();
  if (word == ".pragma" || word == ".alias") return in_.skip_past(';');
  linkage_then(word);
}

void Parser::linkage_then(std::string_view word) {
  while (word == ".visible" || word == ".extern" || word == ".weak" || word == ".common") word = in_.directive();
  if (word == ".entry" || word == ".func") return function(word == ".entry");
  const Space space = word == ".global" ? Space::global : word == ".const" ? Space::constant : Space::shared;
  if (word != ".global" && word != ".const" && word != ".shared") {
    error("unknown directive '" + std::string(word) + "' at module scope");
    return in_.skip_past(';');
  }
  Variable variable = declare(space);
  module_.variables.push_back(std::move(variable));
  while (in_.take(',')) {  // several names share one type only without an initialiser; keep the first one's type
    Variable next = module_.variables.back();
    next.name = in_.identifier();
    next.bytes = bytes_of(next.type);
    dimensions(next);
    module_.variables.push_back(std::move(next));
  }
  expect(';', "after a variable");
}

void Parser::file_directive() {
  int64_t index = 0;
  if (!in_.integer(index)) error(".file needs an index");
  module_.files[static_cast<uint32_t>(index)] = std::string(in_.quoted());
  in_.skip_line();
}

void Parser::location() {
  int64_t file = 0, line = 0;
  if (!in_.integer(file) || !in_.integer(line)) error(".loc needs a file and a line");
  position_ = {static_cast<uint32_t>(file), static_cast<uint32_t>(line)};
  in_.skip_line();
}

Function &Parser::function_named(std::string_view name) {
  for (Function &function : module_.functions) {
    if (function.name == name && !function.defined) {
      function = Function{};
      return function;
    }
  }
  return module_.functions.emplace_back();
}

void Parser::function(bool entry) {
  Function parsed;
  parsed.entry = entry;
  parsed.scope_parent.push_back(0);
  scopes_.clear();
  open_.assign(1, 0);
  position_ = {};
  if (!entry && in_.peek() == '(') parameters(parsed, parsed.returns, '(', ')');
  parsed.name = in_.identifier();
  if (parsed.name.empty()) error("a function needs a name");
  if (in_.peek() == '(') parameters(parsed, parsed.params, '(', ')');
  function_attributes(parsed);
  if (!in_.take(';')) {
    parsed.defined = true;
    body(parsed);
  }
  function_named(parsed.name) = std::move(parsed);
}

void Parser::parameters(Function &function, std::vector<uint32_t> &indices, char open, char close) {
  expect(open, "before parameters");
  while (!in_.at_end() && in_.peek() != close) {
    const std::string_view word = in_.directive();
    if (word != ".param" && word != ".reg") {
      error("expected .param in a parameter list, found '" + std::string(word) + "'");
      break;
    }
    indices.push_back(static_cast<uint32_t>(function.variables.size()));
    function.variables.push_back(declare(Space::param));
    scopes_.declare_variable(function.variables.back().name, indices.back());
    if (!in_.take(',')) break;
  }
  if (!in_.take(close)) {
    error("expected ')' after parameters");
    in_.skip_past(close);
  }
}

void Parser::function_attributes(Function &function) {
  while (in_.peek() == '.') {
    const std::string_view word = in_.directive();
    if (word == ".attribute") {
      in_.skip_past(')');
      continue;
    }
    if (word == ".pragma") {
      in_.skip_past(';');
      continue;
    }
    int64_t values[3] = {1, 1, 1};
    for (int i = 0; i < 3 && in_.integer(values[i]); ++i) {
      if (!in_.take(',')) break;
    }
    if (word == ".maxntid" || word == ".reqntid") {
      function.max_threads = {uint32_t(values[0]), uint32_t(values[1]), uint32_t(values[2])};
    }
  }
}

// `.type {.align n} name[dimensions] {= initialiser}` after the state space.
Variable Parser::declare(Space space, bool with_name) {
  Variable variable;
  variable.space = space;
  uint32_t vector = 1;
  while (in_.peek() == '.') {
    const std::string_view word = in_.directive();
    int64_t number = 0;
    if (word == ".align") {
      if (!in_.integer(number) || number < 1) error(".align needs a number");
      variable.align = static_cast<uint32_t>(number);
    } else if (word == ".v2" || word == ".v4") {
      vector = word == ".v2" ? 2 : 4;
    } else if (word == ".attribute") {
      in_.skip_past(')');
    } else if (type_of(word.substr(1)) != Type::none) {
      variable.type = type_of(word.substr(1));
    }  // .ptr, its space and .surfref and the like say nothing about the layout
  }
  variable.bytes = uint64_t(bytes_of(variable.type)) * vector;
  variable.align = std::max(variable.align, static_cast<uint32_t>(variable.bytes));
  if (with_name) variable.name = in_.identifier();
  dimensions(variable);
  if (in_.take('=')) initialiser(variable);
  return variable;
}

void Parser::dimensions(Variable &variable) {
  while (in_.take('[')) {
    int64_t count = 0;
    if (in_.integer(count)) {
      variable.bytes *= static_cast<uint64_t>(count);
    } else {
      variable.unsized = true;
      variable.bytes = 0;
    }
    expect(']', "after a dimension");
  }
}

void Parser::initialiser(Variable &variable) {
  uint64_t offset = 0;
  variable.content.assign(variable.bytes, 0);
  initial_value(variable, offset);
  if (variable.unsized) variable.bytes = variable.content.size();
  variable.content.resize(variable.bytes);
}

void Parser::initial_value(Variable &variable, uint64_t &offset) {
  if (in_.take('{')) {
    while (!in_.at_end() && in_.peek() != '}') {
      initial_value(variable, offset);
      if (!in_.take(',')) break;
    }
    return expect('}', "after an initialiser");
  }
  const uint32_t bytes = bytes_of(variable.type);
  if (variable.content.size() < offset + bytes) variable.content.resize(offset + bytes);
  int64_t value = 0;
  bool is_f64 = false;
  std::string_view name;
  if (in_.real(value, is_f64) || in_.integer(value)) {
    std::memcpy(&variable.content[offset], &value, std::min<uint32_t>(bytes, 8));
  } else if (!(name = in_.identifier()).empty()) {
    const bool wrapped = name == "generic" && in_.take('(');
    if (wrapped) name = in_.identifier();
    if (wrapped) expect(')', "after generic(");
    int64_t addend = 0;
    if (in_.peek() == '+' || in_.peek() == '-') in_.integer(addend);
    variable.relocations.push_back({offset, name, addend, bytes});
  } else {
    error("an initialiser needs numbers or names");
    in_.skip_past('}');
  }
  offset += bytes;
}

void Parser::body(Function &function) {
  expect('{', "before a function body");
  while (!in_.at_end() && !open_.empty() && diagnostics_.size() < kMaxDiagnostics) {
    if (in_.take('{')) {
      open_.push_back(static_cast<uint32_t>(function.scope_parent.size()));
      function.scope_parent.push_back(open_[open_.size() - 2]);
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
      BranchTable table{name, {}};
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
    const uint32_t first = static_cast<uint32_t>(function.registers.size());
    scopes_.declare_registers(name, first, count);
    function.registers.resize(first + static_cast<size_t>(count < 0 ? 1 : count), type);
  } while (in_.take(','));
  expect(';', "after registers");
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
    made.guard = scopes_.find_register(in_.identifier());
    if (made.guard < 0) error("the guard is not a declared predicate");
  }
  made.opcode = in_.dotted();
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
  if (!in_.take(';')) {
    error("expected ';' after '" + std::string(made.text) + "'");
    return in_.skip_past(';');
  }
  function.body.push_back(std::move(made));
}

bool Parser::operand(Function &function, Operand &out) {
  out.negate = in_.take('!');
  const char next = in_.peek();
  if (next == '{') return in_.take('{') && operand_list(function, out, '}', Operand::Kind::vector);
  if (next == '(') return in_.take('(') && operand_list(function, out, ')', Operand::Kind::list);
  if (next == '[') return memory_operand(function, out);
  bool is_f64 = false;
  if (in_.real(out.value, is_f64)) {
    out.kind = is_f64 ? Operand::Kind::f64 : Operand::Kind::f32;
    return true;
  }
  if (in_.integer(out.value)) {
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
    if (!operand(function, pair.parts[1])) return false;
    out = std::move(pair);
  } else if (out.kind == Operand::Kind::symbol && (in_.peek() == '+' || in_.peek() == '-')) {
    in_.take('+');
    return in_.integer(out.value);
  }
  return true;
}

void Parser::name_operand(Function &, Operand &out, std::string_view name) {
  out.kind = Operand::Kind::sink;
  if (name == "_") return;
  out.reg = scopes_.find_register(name);
  out.kind = out.reg >= 0 ? Operand::Kind::reg : Operand::Kind::symbol;
  if (out.reg >= 0) return;
  out.symbol = name;
  out.variable = scopes_.find_variable(name);
}

bool Parser::operand_list(Function &function, Operand &out, char close, Operand::Kind kind) {
  out.kind = kind;
  while (!in_.at_end() && in_.peek() != close) {
    out.parts.emplace_back();
    if (!operand(function, out.parts.back())) return false;
    if (!in_.take(',')) break;
  }
  return in_.take(close);
}

bool Parser::memory_operand(Function &function, Operand &out) {
  in_.take('[');
  int64_t absolute = 0;
  if (in_.integer(absolute)) {
    out.value = absolute;
  } else {
    name_operand(function, out, in_.identifier());
    if (out.kind == Operand::Kind::sink) return false;
    in_.take('+');
    if (in_.peek() != ']' && in_.peek() != ',' && !in_.integer(out.value)) return false;
  }
  out.kind = Operand::Kind::memory;
  while (in_.take(',')) {  // tensor coordinates: [map, {x, y}]
    out.parts.emplace_back();
    if (!operand(function, out.parts.back())) return false;
  }
  return in_.take(']');
}

}  // namespace

std::unique_ptr<Module> parse(std::string_view text, std::vector<Diagnostic> &diagnostics) {
  auto module = std::make_unique<Module>();
  module->text = std::string(text.substr(0, text.find('\0')));
  const size_t before = diagnostics.size();
  Parser(*module, diagnostics).run();
  if (module->functions.empty() && diagnostics.size() == before) {
    diagnostics.push_back({1, "this text has no functions; is it PTX?"});
  }
  if (diagnostics.size() != before) return nullptr;
  return module;
}

}  // namespace vgpu::ptx
