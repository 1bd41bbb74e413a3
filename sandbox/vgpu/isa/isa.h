// The instruction forms this machine executes: one row per form of the PTX manual (isa/*.def).
//
// A pattern is the opcode's tokens. `a|b` is a choice, `x?` may be absent, `*` stands for any number of qualifiers that
// change neither results nor counts (ordering, scopes, cache hints). Patterns that start with '<' are internal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "../machine.h"

namespace vgpu {

enum FormId : uint16_t {
#define LANES1(name, ...) form_##name,
#define LANES2(name, ...) form_##name,
#define LANES3(name, ...) form_##name,
#define LANES4(name, ...) form_##name,
#define PLAIN(name, ...) form_##name,
#define WATCHED(name, ...) form_##name,
#define LOAD(name, ...) form_##name,
#define STORE(name, ...) form_##name,
#define ATOM(name, ...) form_##name,
#define PRODUCT(name, ...) form_##name,
#define WMMA_LOAD(name, ...) form_##name,
#define WMMA_STORE(name, ...) form_##name,
#define VECTOR_ATOM(name, ...) form_##name,
#define WIDE_ATOM(name, ...) form_##name,
#include "all.def"
  form_count,
};

struct Form {
  const char *name;        // of the handler
  const char *pattern;     // as in the manual, see above
  Class cls;
  uint8_t slots;           // SASS instructions it stands for
  const char *section;     // anchor in https://docs.nvidia.com/cuda/parallel-thread-execution/
  const char *signature;   // "field:kind ..." for each operand, see lower/operands.cpp
};

const Form &form_row(uint16_t id);

// Finds rows by opcode; remembers what it found.
class FormFinder {
 public:
  FormFinder();
  uint16_t find(std::string_view opcode);   // form_count where no row matches

 private:
  std::unordered_map<std::string_view, std::vector<uint16_t>> by_base_;
  std::unordered_map<std::string, uint16_t> found_;
};

// Products and movmatrix: the first rows of isa/matrix.def; shfl to redux. A lane's result depends on other lanes'
// registers.
inline bool mixes_lanes(uint16_t form) {
  const bool product = form >= form_mma_k16_f32_f16 && form <= form_movmatrix;
  return product || (form >= form_shfl_b32 && form <= form_redux_s32 && form != form_activemask);
}

}  // namespace vgpu
