// A function between the tree and the decoded form: operations whose registers are still virtual.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "../ptx/tree.h"
#include "program.h"

namespace vgpu {

// Where a virtual register lives: a slot chosen by its life time, a fixed place in the frame, or a preloaded slot.
enum class Home : uint8_t { slot, fixed, preload };

struct VirtualRegister {
  char kind = 'w';               // 'p' predicate, 'w' 4 bytes a lane, 'x' 8 bytes a lane
  Home home = Home::slot;
  Preload preload{};
  uint32_t offset = 0;           // in the frame, once it is known
};

// An operand field of an Op: d, a, b, c, v[0..3], then positions in `extra`.
enum Field : uint8_t { field_d, field_a, field_b, field_c, field_v0, field_v1, field_v2, field_v3, field_extra };

struct Reference { uint8_t field; bool writes; uint32_t reg; };

struct Draft {
  Op op;
  const ptx::Instruction *source = nullptr;
  std::vector<Reference> references;
  int32_t guard = -1;            // virtual register
  bool guard_negate = false;
  std::vector<uint32_t> targets; // instruction indices of the tree that it may jump to
  uint32_t first_target = kNone; // draft index, once it is known
  std::vector<uint32_t> extra;   // registers of matrix operations (then resolved), or nothing
};

struct DraftFunction {
  const ptx::Function *tree = nullptr;
  uint32_t index = 0;                      // in Program::functions
  std::vector<VirtualRegister> registers;
  std::vector<Draft> drafts;
  std::vector<uint32_t> first_draft;       // of each tree instruction, and one past the last
  uint32_t fixed_words = 0, local_bytes = 0;
  std::map<uint32_t, uint32_t> variable_word;    // .param variable -> its first word in the frame
  std::map<uint32_t, uint32_t> local_offset;     // .local variable -> offset
  std::map<std::pair<uint32_t, bool>, uint32_t> fixed_register;   // word -> virtual register
  std::map<std::tuple<Special, uint8_t, uint64_t>, uint32_t> preloaded;
  std::map<uint32_t, uint32_t> high_half;        // of a .b128 register: the register of its upper 64 bits
  uint32_t stack_offset = 0;                     // of what alloca hands out, in local memory
  int32_t stack_used = -1;                       // register: bytes of it in use; -1: no alloca
  std::vector<uint32_t> addressed;               // functions of the module whose address it takes

  uint32_t make_register(char kind) {
    registers.push_back({kind, Home::slot, {}, 0});
    return static_cast<uint32_t>(registers.size() - 1);
  }
  uint32_t preload(Special what, uint8_t bytes, uint64_t value) {
    const auto key = std::make_tuple(what, bytes, value);
    const auto known = preloaded.find(key);
    if (known != preloaded.end()) return known->second;
    const uint32_t made = make_register(bytes == 1 ? 'p' : bytes == 4 ? 'w' : 'x');
    registers[made].home = Home::preload;
    registers[made].preload = {what, bytes, 0, value};
    return preloaded[key] = made;
  }
  // A 32-bit word of the frame's parameter area.
  uint32_t word(uint32_t index_of_word) {
    const auto known = fixed_register.find({index_of_word, true});
    if (known != fixed_register.end()) return known->second;
    const uint32_t made = make_register('w');
    registers[made].home = Home::fixed;
    registers[made].offset = index_of_word * 128;
    return fixed_register[{index_of_word, true}] = made;
  }
};

}  // namespace vgpu
