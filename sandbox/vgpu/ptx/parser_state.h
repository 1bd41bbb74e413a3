// The parser's state and its rules. Declarations (modules, functions, variables) are in parser.cpp, what stands inside
// a function's braces is in parse_body.cpp.
#pragma once

#include "cursor.h"
#include "parser.h"
#include "scopes.h"

namespace vgpu::ptx {

constexpr size_t kMaxDiagnostics = 50;
constexpr size_t kMaxRegisters = 1 << 17;            // of one function
constexpr size_t kMaxOpcode = 200;                   // characters
constexpr uint64_t kMaxVariable = uint64_t(1) << 36; // bytes of a global variable
constexpr uint64_t kMaxLocal = 512 << 10;            // bytes of local memory a thread
constexpr uint64_t kMaxParams = 32764;               // bytes of parameters of a function
constexpr uint64_t kMaxCallParams = 1 << 20;         // bytes of .param variables for the calls that a function makes
constexpr uint64_t kMaxJumps = 1 << 22;              // targets of all branches through tables in a function
constexpr uint64_t kMaxShared = 1 << 20;             // far beyond any device
constexpr int kMaxNesting = 16;                      // of braces in an initialiser

struct Position {
  uint32_t file = 0, line = 0;
};

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
  void check_opcode(std::string_view opcode);
  void register_declaration(Function &);
  void label(Function &, std::string_view name);
  Variable declare(Space, bool with_name = true);
  void dimensions(Variable &);
  void initialiser(Variable &);
  void initial_value(Variable &, uint64_t &offset, int depth);
  void check_size(const Variable &);
  void check_totals(const Function &);
  bool operand(Function &, Operand &, bool nested = false);
  bool operand_list(Function &, Operand &, char close, Operand::Kind);
  bool constant_follows();
  bool memory_operand(Function &, Operand &);
  void name_operand(Function &, Operand &, std::string_view name);
  void location();
  void file_directive();
  void alias();
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

}  // namespace vgpu::ptx
