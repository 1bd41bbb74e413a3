// The tree that the PTX parser builds: modules, functions, variables, instructions, in the manual's words.
//
// Registers are already resolved to numbers (scopes of inline assembly included); names of variables, functions and
// labels are kept as text, because they may be declared later. Every text is a view into Module::text.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "../machine.h"

namespace vgpu::ptx {

// https://docs.nvidia.com/cuda/parallel-thread-execution/#fundamental-types
enum class Type : uint8_t {
  none, pred, b8, b16, b32, b64, b128, u8, u16, u32, u64, s8, s16, s32, s64, f16, f16x2, bf16, bf16x2, f32, f64, tf32,
};
Type type_of(std::string_view name);   // "f32" -> f32; none where it is no type
uint32_t bytes_of(Type);

struct Operand {
  enum class Kind : uint8_t { reg, symbol, integer, f32, f64, memory, vector, pair, list, sink };
  Kind kind = Kind::sink;
  bool negate = false;               // !%p1
  int32_t reg = -1;                  // reg; memory with a register base
  int32_t variable = -1;             // symbol or memory base: index into Function::variables
  std::string_view symbol;           // symbol; memory with a named base; special register "%tid.x"
  int64_t value = 0;                 // integer; bits of f32 and f64; byte offset of memory and symbol
  std::vector<Operand> parts;        // vector, pair, list
};

struct Instruction {
  std::string_view opcode, text;
  std::vector<Operand> operands;
  int32_t guard = -1;                // register number of the predicate, -1: none
  bool guard_negate = false;
  uint32_t line = 0;                 // of the PTX text, 1-based
  uint32_t file = 0, source_line = 0;  // .loc; zero where there is none
  uint32_t scope = 0;
};

struct Relocation { uint64_t offset; std::string_view symbol; int64_t addend; uint32_t bytes; };

struct Variable {
  std::string_view name;
  Space space = Space::global;
  Type type = Type::b8;
  uint32_t align = 1;
  uint64_t bytes = 0;
  bool unsized = false;              // .extern .shared x[]: dynamic shared memory
  std::vector<uint8_t> content;      // initialiser; empty where there is none
  std::vector<Relocation> relocations;
};

struct Label { std::string_view name; uint32_t scope, instruction; };
struct BranchTable { std::string_view name; std::vector<std::string_view> targets; uint32_t scope; };
struct BodyScope { uint32_t parent, labels; };       // of braces: the scope around it, labels before it

struct Function {
  std::string_view name;
  bool entry = false, defined = false;
  std::vector<Type> registers;
  std::vector<Variable> variables;   // parameters, return values, .param, .local and .shared of all scopes
  std::vector<uint32_t> params, returns;   // indices into variables
  std::vector<Instruction> body;
  std::vector<Label> labels;
  std::vector<BranchTable> tables;
  std::vector<BodyScope> scopes;
  Dim3 max_threads{0, 0, 0};
  bool exact_threads = false;        // .reqntid: a launch needs just these
  Dim3 cluster{1, 1, 1};             // .reqnctapercluster
  uint32_t cluster_line = 0;
};

struct Alias { std::string_view name, target; };   // .alias name, target;

struct Module {
  std::string text;
  std::string target;
  std::vector<Variable> variables;   // .global, .const, .shared of module scope
  std::deque<Function> functions;
  std::vector<Alias> aliases;
  std::unordered_map<uint32_t, std::string> files;
};

}  // namespace vgpu::ptx
