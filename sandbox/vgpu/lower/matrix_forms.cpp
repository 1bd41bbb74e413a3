#include "matrix_forms.h"

#include <algorithm>

#include "../isa/isa.h"
#include "modifiers.h"

namespace vgpu {

namespace {

std::vector<std::string_view> tokens_of(std::string_view opcode) {
  std::vector<std::string_view> tokens;
  for (size_t i = 0; !token_at(opcode, i).empty(); ++i) tokens.push_back(token_at(opcode, i));
  return tokens;
}

// Bits of Op::kind, as exec/products.h and exec/quads.cpp read them: the first and the second of what is asked for.
uint8_t mark(const std::vector<std::string_view> &tokens, std::initializer_list<std::string_view> plain,
             std::initializer_list<std::string_view> marked) {
  uint8_t bits = 0, next = 1;
  for (const std::string_view token : tokens) {
    const bool is_marked = std::count(marked.begin(), marked.end(), token) != 0;
    if (!is_marked && std::count(plain.begin(), plain.end(), token) == 0) continue;
    bits |= is_marked ? next : 0;
    next = uint8_t(next * 2);
  }
  return bits;
}

void decode_product(std::string_view opcode, Op &op) {
  const std::vector<std::string_view> tokens = tokens_of(opcode);
  constexpr uint8_t xor_bits = 4, clamped = 8;
  if (op.form == form_mma_quads_f32 || op.form == form_mma_quads_f16 || op.form == form_mma_quads_f32_f16) {
    op.kind = mark(tokens, {"row"}, {"col"});
    return;
  }
  op.kind = mark(tokens, {"u8", "u4", "e4m3"}, {"s8", "s4", "e5m2"});
  if (has_token(opcode, "xor")) op.kind |= xor_bits;
  if (has_token(opcode, "satfinite")) op.kind |= clamped;
}

struct Shape { uint32_t m = 0, n = 0, k = 0; };
Shape shape_named(std::string_view token) {
  Shape shape;
  uint32_t *size = nullptr;
  for (const char c : token) {
    if (c == 'm') size = &shape.m;
    else if (c == 'n') size = &shape.n;
    else if (c == 'k') size = &shape.k;
    else *size = *size * 10 + uint32_t(c - '0');
  }
  return shape;
}

uint32_t bits_of(std::string_view type) {
  if (type == "b1") return 1;
  if (type == "s4" || type == "u4") return 4;
  if (type == "s8" || type == "u8") return 8;
  if (type == "f16" || type == "bf16") return 16;
  return type == "f64" ? 64 : 32;
}

// wmma.load.a.sync.aligned.row.m16n16k16.global.f16: outer is the direction of rows of a, c, d and of columns of b.
void decode_fragment(std::string_view opcode, Op &op) {
  const std::vector<std::string_view> tokens = tokens_of(opcode);
  const char matrix = tokens[2][0];
  const bool rows = tokens[5] == "row", second = matrix == 'b', sums = matrix == 'c' || matrix == 'd';
  const Shape shape = shape_named(tokens[6]);
  const uint32_t bits = bits_of(tokens.back()), register_bytes = bits == 64 ? 8 : 4;
  const uint32_t outer = second ? shape.n : shape.m, inner = sums ? shape.n : shape.k;
  const uint32_t per = sums ? 2 : std::max(1u, 32 / bits);
  const bool together = second ? !rows : rows;
  op.v[0] = outer / 8 | inner / (4 * per) << 8;
  op.v[1] = per | bits << 8;
  op.kind = uint8_t(second | together << 1);
  op.n = uint8_t(outer * inner * bits / 8 / 32 / register_bytes);
  op.bytes = uint8_t(register_bytes);
  op.v[2] = tokens.back() == "f16" && !sums ? 8 : op.n;
  op.v[3] = together ? inner : outer;                 // the stride where none is given
}

// Where a qualifier stands in the manual's order.
enum Rank { first, sync, aligned, shape, layout, shape_of_wmma, number, transposed, rounding, space, type, last };
Rank rank_of(std::string_view token, bool wmma) {
  const auto is_one_of = [token](std::initializer_list<std::string_view> names) {
    return std::count(names.begin(), names.end(), token) != 0;
  };
  if (token == "sync") return sync;
  if (token == "aligned") return aligned;
  if (is_one_of({"row", "col"})) return layout;
  if (token.size() > 1 && token[0] == 'm' && token[1] >= '0' && token[1] <= '9') return wmma ? shape_of_wmma : shape;
  if (is_one_of({"x1", "x2", "x4"})) return number;
  if (token == "trans") return transposed;
  if (is_one_of({"rn", "rz", "rm", "rp"})) return rounding;
  if (token == "satfinite") return wmma ? last : rounding;
  if (is_one_of({"xor", "and", "popc"})) return wmma ? first : last;
  return is_one_of({"global", "shared", "shared::cta"}) ? space : type;
}

}  // namespace

std::string manual_order(std::string_view opcode) {
  const std::string_view base = token_at(opcode, 0);
  const bool wmma = base == "wmma";
  if (!wmma && base != "mma" && base != "ldmatrix" && base != "stmatrix" && base != "movmatrix")
    return std::string(opcode);
  std::vector<std::string_view> tokens = tokens_of(opcode);
  // wmma.mma, wmma.load.a, wmma.store.d
  const size_t kept = !wmma ? 1 : token_at(opcode, 1) == "mma" ? 2 : 3;
  if (tokens.size() < kept) return std::string(opcode);
  std::stable_sort(tokens.begin() + std::ptrdiff_t(kept), tokens.end(), [wmma](auto a, auto b) {
    return rank_of(a, wmma) < rank_of(b, wmma);
  });
  std::string ordered;
  for (const std::string_view token : tokens) (ordered += ordered.empty() ? "" : ".") += token;
  return ordered;
}

void decode_matrix(std::string_view opcode, Op &op) {
  const std::string_view base = token_at(opcode, 0), second = token_at(opcode, 1);
  if (base == "mma" || (base == "wmma" && second == "mma")) decode_product(opcode, op);
  else if (base == "wmma") decode_fragment(opcode, op);
  if (base != "ldmatrix" && base != "stmatrix") return;
  op.kind = has_token(opcode, "trans");
  op.round = !has_token(opcode, "shared") && !has_token(opcode, "shared::cta");
}

void require_fragment(std::string_view opcode, const std::vector<ptx::Operand> &operands, const Op &op) {
  const bool store = token_at(opcode, 1) == "store";
  if (token_at(opcode, 0) != "wmma" || (!store && token_at(opcode, 1) != "load") || operands.size() < 2) return;
  const ptx::Operand &fragment = operands[store];
  const size_t count = fragment.kind == ptx::Operand::Kind::vector ? fragment.parts.size() : 1;
  if (count != op.v[2]) throw UnsupportedForm{"a fragment has another number of registers than the opcode says"};
}

}  // namespace vgpu
