// Handlers of mma and wmma.mma: each row of isa/matrix.def names its shape; exec/products.h says what is computed.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#warp-level-matrix-instructions
#include "known_products.h"
#include "panels.h"
#include "table.h"

namespace vgpu {
namespace {

template <class S>
const Op *product(Warp &w, const Op *op) {
  if (!whole_warp(w, op)) return w.elsewhere;
  const OperandList registers = operands_of_product<S>(w, op);
  if constexpr (std::is_same_v<typename PanelOf<typename S::A>::Type, void>) multiply_plain<S>(w, op, registers);
  else multiply_panels<S>(w, op, registers);
  return op + 1;
}

template <class S>
const Op *tracked_product(Warp &w, const Op *op) {
  if (!whole_warp(w, op)) return w.elsewhere;
  const OperandList registers = operands_of_product<S>(w, op);
  KnownTile<S> known;
  read_known<S>(w, registers, known);
  write_known<S>(w, registers, known);
  return product<S>(w, op);
}

// Whether a signature "eD:X eA:x eB:x eC:x" lists the registers of the shape.
template <class S>
constexpr bool lists(const char *signature) {
  return signature[1] - '0' == int(S::d_registers) && signature[6] - '0' == int(S::a_listed) &&
         signature[11] - '0' == int(S::b_listed) && signature[16] - '0' == int(S::c_registers);
}

template <class S>
void add_product(HandlerTable &table, uint16_t form) {
  set_all(table, form, product<S>);
  table[size_t(Watch::tracking)][form] = tracked_product<S>;
}

}  // namespace

void add_mma(HandlerTable &table) {
#define PRODUCT(name, pattern, slots, section, signature, ...)                                  \
  static_assert(lists<Product<__VA_ARGS__>>(signature), "the signature lists the shape's registers"); \
  add_product<Product<__VA_ARGS__>>(table, form_##name);
#define PLAIN NO_ROW
#define WATCHED NO_ROW
#define WMMA_LOAD NO_ROW
#define WMMA_STORE NO_ROW
#include "../isa/matrix.def"
#undef PRODUCT
#undef PLAIN
#undef WATCHED
#undef WMMA_LOAD
#undef WMMA_STORE
}

}  // namespace vgpu
