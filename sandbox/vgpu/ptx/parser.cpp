// Module scope: directives, functions and their parameters, variables and initialisers.
#include "parser.h"

#include <algorithm>
#include <cstring>

#include "parser_state.h"

namespace vgpu::ptx {

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
  if (word == ".version") {
    in_.dotted();
    return;
  }
  if (word == ".address_size") {
    int64_t bits = 0;
    if (!in_.integer(bits) || bits != 64)
      error("only .address_size 64 is executed; compile for a 64-bit address space");
    return;
  }
  if (word == ".target") {
    module_.target = std::string(in_.identifier());
    while (in_.take(',')) in_.identifier();
    return;
  }
  if (word == ".file") return file_directive();
  if (word == ".loc") return location();
  if (word == ".section") return in_.skip_braces();
  if (word == ".alias") return alias();
  if (word == ".pragma") return in_.skip_past(';');
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

// `.file index "name" {, time, size}`
void Parser::file_directive() {
  int64_t index = 0, number = 0;
  if (!in_.integer(index)) error(".file needs an index");
  module_.files[static_cast<uint32_t>(index)] = std::string(in_.quoted());
  while (in_.take(',')) in_.integer(number);
}

// `.loc file line column {, function_name label {+ number}, inlined_at file line column}`: what follows on the line is
// another statement.
void Parser::location() {
  int64_t file = 0, line = 0, number = 0;
  if (!in_.integer(file) || !in_.integer(line)) error(".loc needs a file and a line");
  position_ = {static_cast<uint32_t>(file), static_cast<uint32_t>(line)};
  in_.integer(number);
  while (in_.take(',')) {
    const std::string_view attribute = in_.identifier();
    if (attribute == "function_name") {
      in_.identifier();
      if (in_.take('+')) in_.integer(number);
    } else if (attribute == "inlined_at") {
      for (int i = 0; i < 3; ++i) in_.integer(number);
    } else {
      error("'" + std::string(attribute) + "' is not known of .loc");
    }
  }
}

void Parser::alias() {
  Alias made;
  made.name = in_.identifier();
  expect(',', "after the name of an alias");
  made.target = in_.identifier();
  if (made.name.empty() || made.target.empty()) error(".alias needs two names of functions");
  module_.aliases.push_back(made);
  expect(';', "after an alias");
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
  parsed.scopes.push_back({0, 0});
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
    check_totals(parsed);
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
    const uint32_t line = in_.line();
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
      function.exact_threads |= word == ".reqntid";
    }
    if (word == ".reqnctapercluster") {
      function.cluster = {uint32_t(values[0]), uint32_t(values[1]), uint32_t(values[2])};
      function.cluster_line = line;
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
      const bool power = in_.integer(number) && number >= 1 && number <= 4096 && (number & (number - 1)) == 0;
      if (!power) error(".align needs a power of two of at most 4096");
      variable.align = power ? static_cast<uint32_t>(number) : 1;
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
  check_size(variable);
  if (in_.take('=')) initialiser(variable);
  return variable;
}

void Parser::dimensions(Variable &variable) {
  while (in_.take('[')) {
    int64_t count = 0;
    if (in_.integer(count)) {
      if (count < 0 || uint64_t(count) > kMaxVariable) error("a dimension must be a small non-negative number");
      else if (variable.bytes < kMaxVariable) variable.bytes *= static_cast<uint64_t>(count);
    } else {
      variable.unsized = true;
      variable.bytes = 0;
    }
    expect(']', "after a dimension");
  }
}

void Parser::check_size(const Variable &variable) {
  const uint64_t most = variable.space == Space::local    ? kMaxLocal
                        : variable.space == Space::param  ? kMaxParams
                        : variable.space == Space::shared ? kMaxShared
                                                          : kMaxVariable;
  if (variable.bytes > most)
    error("the variable '" + std::string(variable.name) + "' is too large for its state space");
}

// What all variables of a function may take together.
void Parser::check_totals(const Function &function) {
  uint64_t local = 0, params = 0, all_params = 0;
  for (const Variable &each : function.variables) local += each.space == Space::local ? each.bytes + each.align : 0;
  for (const Variable &each : function.variables)
    all_params += each.space == Space::param ? std::max<uint64_t>(each.bytes, 4) : 0;
  for (const uint32_t index : function.params)
    params += function.variables[index].bytes + function.variables[index].align;
  uint64_t longest = 0, jumps = 0;
  for (const BranchTable &each : function.tables) longest = std::max<uint64_t>(longest, each.targets.size());
  for (const Instruction &each : function.body) jumps += each.opcode.substr(0, 4) == "brx." ? longest : 0;
  if (jumps > kMaxJumps) error("the branches through tables have too many targets together");
  if (local > kMaxLocal) error("the function needs more local memory than a thread has");
  if (params > kMaxParams) error("the function has more parameters than fit into 32764 bytes");
  if (all_params > kMaxCallParams) error("the parameters of the function's calls need more than 1 MiB");
}

void Parser::initialiser(Variable &variable) {
  uint64_t offset = 0;
  initial_value(variable, offset, 0);
  if (variable.unsized) variable.bytes = variable.content.size();
  if (variable.content.size() > variable.bytes) error("an initialiser is longer than its variable");
}

// The bits of the float nearest to the double of these bits.
static int64_t narrowed(int64_t bits) {
  double wide = 0;
  std::memcpy(&wide, &bits, 8);
  const float narrow = float(wide);
  uint32_t out = 0;
  std::memcpy(&out, &narrow, 4);
  return out;
}

void Parser::initial_value(Variable &variable, uint64_t &offset, int depth) {
  if (depth > kMaxNesting) {
    error("an initialiser is nested too deeply");
    return in_.skip_past(';');
  }
  if (in_.take('{')) {
    while (!in_.at_end() && in_.peek() != '}') {
      initial_value(variable, offset, depth + 1);
      if (!in_.take(',')) break;
    }
    return expect('}', "after an initialiser");
  }
  const uint32_t bytes = bytes_of(variable.type);
  if (variable.content.size() < offset + bytes) variable.content.resize(offset + bytes);
  int64_t value = 0;
  bool is_f64 = false;
  std::string_view name;
  if (in_.real(value, is_f64) || in_.expression(value)) {
    if (is_f64 && bytes == 4) value = narrowed(value);
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
