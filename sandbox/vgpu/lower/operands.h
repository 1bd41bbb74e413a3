// Binds the operands of one instruction to the fields of an Op, as the form's signature says.
//
// A signature lists, in the order of the text, `field:kind`. Kinds: W X P are results of 4 and 8 bytes and predicates,
// w x p the same as sources, m is a memory address (a and offset), g a second one (b and v3; s where it is in shared
// memory), h a third one in shared memory (c and v2), i an immediate (Op::bytes). `d:W|v0:P` may be a pair; `?` marks
// what may be absent; field v takes a vector or a single register (v0..v3), field eN appends N registers to `extra`
// (e: as many as there are; e*: these, which Op::n counts), field _ reads nothing.
#pragma once

#include <string>

#include "draft.h"
#include "image.h"

namespace vgpu {

// What an operand may refer to outside the function.
struct Scope {
  const ptx::Module &module;
  const Image &image;
  DraftFunction &function;
  class SharedLayout &shared;
  bool entry;
};

constexpr uint32_t kSharedBand = 128;              // bytes between shared variables that nobody may touch, at least
constexpr uint32_t kSharedPeriod = 128;            // all banks once
constexpr uint32_t kReservedShared = 1024;         // bytes of a block that the system reserves since sm_80
constexpr uint32_t kMostShift = 1 << 20;           // of all bands together

// Shared variables of one kernel, placed as they are met.
class SharedLayout {
 public:
  explicit SharedLayout(Program &program) : program_(program) {}
  // Offset of a sized variable; for the unsized one 0, and `dynamic` becomes true.
  uint32_t place(const ptx::Variable &, bool &dynamic);
  // Offset of what the system reserves in each block's shared memory. It is no part of the kernel's own.
  uint32_t reserved();
  // Where the device, which has no guard bands, has what is at `offset` here.
  uint64_t on_device(uint64_t offset) const;
  void finish();

 private:
  uint32_t behind_band(uint32_t offset, uint32_t align);

  Program &program_;
  std::unordered_map<const ptx::Variable *, uint32_t> offset_;
  std::map<uint64_t, uint32_t> shifts_;            // bytes of bands before each variable, by its offset
  uint32_t dynamic_align_ = 16;
  uint32_t shift_ = 0;                             // bytes of bands so far
};

// The virtual register that holds an operand's value. Throws UnsupportedForm where it cannot be read as `kind`.
uint32_t read_operand(const Scope &, const ptx::Operand &, char kind, Draft &, std::vector<Draft> &before);

// Fills `draft` from `operands`; conversions of width go to `before` and `after`. Throws UnsupportedForm.
void bind_operands(const Scope &, const std::vector<ptx::Operand> &operands, const char *signature, Draft &draft,
                   std::vector<Draft> &before, std::vector<Draft> &after);

// Thrown inside lowering only: this instruction is not executed. It becomes an `unsupported` operation.
struct UnsupportedForm { std::string message; };

}  // namespace vgpu
