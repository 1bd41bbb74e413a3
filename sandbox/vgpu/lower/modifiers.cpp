#include "modifiers.h"

#include <algorithm>
#include <array>

#include "../isa/isa.h"
#include "../ptx/tree.h"

namespace vgpu {

std::string_view token_at(std::string_view opcode, size_t i) {
  for (; i > 0; --i) {
    const size_t dot = opcode.find('.');
    if (dot == std::string_view::npos) return {};
    opcode = opcode.substr(dot + 1);
  }
  return opcode.substr(0, opcode.find('.'));
}

bool has_token(std::string_view opcode, std::string_view token) {
  for (size_t i = 0; !token_at(opcode, i).empty(); ++i) {
    if (token_at(opcode, i) == token) return true;
  }
  return false;
}

namespace {

struct FlagToken { std::string_view token; uint16_t flag; };
constexpr FlagToken kFlagTokens[] = {
    {"ftz", kFtz}, {"sat", kSat}, {"relu", kRelu}, {"NaN", kNan}, {"xorsign", kXorSign}, {"cc", kSetsCarry},
    {"aligned", kAligned}, {"satfinite", kFinite},
};

struct RoundToken { std::string_view token; Rounding round; bool integral; };
constexpr RoundToken kRoundTokens[] = {
    {"rn", Rounding::rn, false}, {"rz", Rounding::rz, false},   {"rm", Rounding::rm, false},
    {"rp", Rounding::rp, false}, {"rna", Rounding::rna, false}, {"rni", Rounding::rn, true},
    {"rzi", Rounding::rz, true}, {"rmi", Rounding::rm, true},   {"rpi", Rounding::rp, true},
};

constexpr std::string_view kCompare[] = {"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu",
                                         "num", "nan"};
constexpr std::string_view kUnsignedCompare[] = {"", "", "lo", "ls", "hi", "hs"};

template <size_t n>
int position_in(const std::string_view (&names)[n], std::string_view token) {
  const auto found = std::find(names, names + n, token);
  return found == names + n || token.empty() ? -1 : int(found - names);
}

// `kind` by family: the position of the token that names the operation, in the order the handlers expect.
struct Family { std::string_view base; std::array<std::string_view, 10> tokens; };
constexpr Family kFamilies[] = {
    {"atom", {"exch", "cas", "add", "min", "max", "and", "or", "xor", "inc", "dec"}},
    {"red", {"exch", "cas", "add", "min", "max", "and", "or", "xor", "inc", "dec"}},
    {"shfl", {"up", "down", "bfly", "idx"}},
    {"vote", {"all", "any", "uni", "ballot"}},
    {"redux", {"add", "min", "max", "and", "or", "xor"}},
    {"testp", {"finite", "infinite", "number", "notanumber", "normal", "subnormal"}},
    {"prmt", {"b32", "f4e", "b4e", "rc8", "ecl", "ecr", "rc16"}},
    {"shf", {"wrap", "clamp"}},
    {"szext", {"wrap", "clamp"}},
    {"bmsk", {"wrap", "clamp"}},
    {"lop3", {"and", "or"}},
    {"mad", {"lo", "hi"}},
    {"madc", {"lo", "hi"}},
    {"bfind", {"", "shiftamt"}},
    {"bar", {"popc", "and", "or"}},
    {"barrier", {"popc", "and", "or"}},
};

void decode_family(std::string_view opcode, std::string_view base, Op &op) {
  for (const Family &family : kFamilies) {
    if (family.base != base) continue;
    for (size_t i = 1; !token_at(opcode, i).empty(); ++i) {
      for (uint8_t k = 0; k < family.tokens.size(); ++k) {
        if (!family.tokens[k].empty() && family.tokens[k] == token_at(opcode, i)) op.kind = k;
      }
    }
  }
  if (base == "mbarrier" || token_at(opcode, 2) == "mbarrier") {
    const bool shared = opcode.find(".shared") != std::string_view::npos;
    op.kind = shared ? 0 : kGenericBarrier;
  }
  if (base == "dp2a") op.kind = has_token(opcode, "hi") ? 16 : 0;
  if (base == "min" || base == "max") op.kind = has_token(opcode, "abs");
  if (base == "isspacep") {
    const std::string_view space = token_at(opcode, 1);
    op.kind = uint8_t(space == "global" ? Space::global : space.substr(0, 6) == "shared" ? Space::shared
                      : space == "local" ? Space::local : Space::constant);
  }
}

// cp.reduce.async.bulk.*.redOp{.noftz}.type
void decode_bulk_reduction(std::string_view opcode, Op &op) {
  constexpr std::string_view operations[] = {"and", "or", "xor", "add", "inc", "dec", "min", "max"};
  constexpr std::string_view types[] = {"u32", "s32", "u64", "s64", "f16", "bf16", "f32", "f64"};
  const std::string_view type = opcode.substr(opcode.rfind('.') + 1);
  for (size_t i = 0; !token_at(opcode, i).empty(); ++i) {
    const int found = position_in(operations, token_at(opcode, i));
    if (found >= 0) op.round = uint8_t(found);
  }
  op.v[1] = uint32_t(position_in(types, type == "b32" ? "u32" : type == "b64" ? "u64" : type));
}

uint8_t number_of(ptx::Type type) {
  using T = ptx::Type;
  constexpr T order[] = {T::u8, T::s8, T::u16, T::s16, T::u32, T::s32, T::u64, T::s64, T::f16, T::bf16, T::f32, T::f64};
  return uint8_t(std::find(std::begin(order), std::end(order), type) - std::begin(order));
}

// cvt.*.D.A: the last two tokens are the types.
void decode_conversion(std::string_view opcode, Op &op) {
  size_t count = 0;
  while (!token_at(opcode, count).empty()) ++count;
  op.kind = number_of(ptx::type_of(token_at(opcode, count - 2)));
  op.n = number_of(ptx::type_of(token_at(opcode, count - 1)));
}

// set: what a true comparison writes.
uint32_t true_value(std::string_view opcode) {
  size_t count = 0;
  while (!token_at(opcode, count).empty()) ++count;
  const std::string_view type = token_at(opcode, count - 2);
  if (type == "f32") return 0x3f800000;
  if (type.substr(0, 3) == "f16") return 0x3c00;
  if (type.substr(0, 4) == "bf16") return 0x3f80;
  return type == "u16" || type == "s16" ? 0xffff : 0xffffffff;
}

// vOP4.dtype.atype.btype and vset4.atype.btype.cmp; without a prefix that fits, nothing.
void decode_video(std::string_view opcode, Op &op) {
  constexpr std::string_view names[] = {"vadd", "vsub", "vavrg", "vabsdiff", "vmin", "vmax"};
  const std::string_view base = token_at(opcode, 0), name = base.substr(0, base.size() - 1);
  const bool set = name == "vset";
  const int what = position_in(names, name);
  if (!set && what < 0) return;
  const auto is_signed = [&](size_t i) { return token_at(opcode, i) == "s32"; };
  op.kind = uint8_t(set ? position_in(kCompare, token_at(opcode, 3)) : what);
  op.n = uint8_t((!set && is_signed(1) ? 1 : 0) | (is_signed(set ? 1 : 2) ? 2 : 0) | (is_signed(set ? 2 : 3) ? 4 : 0) |
                 (has_token(opcode, "add") ? 8 : 0));
}

void decode_comparison(std::string_view opcode, Op &op) {
  const std::string_view how = token_at(opcode, 1), combine = token_at(opcode, 2);
  const int plain = position_in(kCompare, how), unsigned_form = position_in(kUnsignedCompare, how);
  op.kind = uint8_t(plain >= 0 ? plain : unsigned_form);
  op.round = uint8_t(combine == "and" ? Combine::and_ : combine == "or" ? Combine::or_
                     : combine == "xor" ? Combine::xor_ : Combine::none);
}

}  // namespace

void decode_modifiers(std::string_view opcode, Op &op) {
  const std::string_view base = token_at(opcode, 0);
  for (size_t i = 1; !token_at(opcode, i).empty(); ++i) {
    const std::string_view token = token_at(opcode, i);
    for (const FlagToken &each : kFlagTokens) op.flags |= each.token == token ? each.flag : 0;
    for (const RoundToken &each : kRoundTokens) {
      if (each.token != token) continue;
      op.round = uint8_t(each.round);
      if (each.integral) op.flags |= kIntegral;
    }
  }
  if (base == "bar") op.flags |= kAligned;               // bar is barrier.aligned
  if (base == "setp" || base == "set") decode_comparison(opcode, op);
  if (base == "set") op.offset = true_value(opcode);
  if (base == "cp" && token_at(opcode, 1) == "reduce") decode_bulk_reduction(opcode, op);
  if (base == "cvt") decode_conversion(opcode, op);
  if (base == "addc" || base == "subc" || base == "madc") op.flags |= kUsesCarry;
  decode_family(opcode, base, op);
  decode_video(opcode, op);
}

}  // namespace vgpu
