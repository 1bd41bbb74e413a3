// Which bits of a result are unknown where some of the operands are: bit for bit for moves, logic, shifts, fields, sums
// and comparisons of integers, half by half for packed halves. Anything else is unknown as a whole. Slow, and seldom
// needed: executor.cpp asks only about operations with an unknown operand.
#include "unknown_bits.h"

#include "compare.h"
#include "form_types.h"
#include "tracking.h"
#include "unknown_carry.h"

namespace vgpu {
namespace {

constexpr u32 kMostSources = 24;

// An operand of one lane: what it holds and which bits of that are unknown.
struct Bits {
  u64 value = 0, unknown = 0;
  u64 least() const { return value & ~unknown; }      // as unsigned numbers
  u64 most() const { return value | unknown; }
};

struct LaneOperands {
  Bits in[kMostSources];
  u32 count = 0;
  u64 origin = 0;                  // of the first unknown one
  const Bits &operator[](u32 i) const { return in[i]; }
  bool all_known(u32 from) const {
    for (u32 i = from; i < count; ++i) {
      if (in[i].unknown) return false;
    }
    return true;
  }
};

u64 ones(u32 bytes) { return bytes >= 8 ? ~u64(0) : (u64(1) << 8 * bytes) - 1; }

// As an element of that type: the upper bits are zeros or the sign.
u64 extended(u64 bits, ElementType type) {
  if (type.bytes == 0 || type.bytes == 8) return bits;
  const u32 shift = 64 - 8 * type.bytes;
  return type.is_signed ? u64(s64(bits << shift) >> shift) : bits << shift >> shift;
}

Bits read_operand(const Warp &w, u32 slot, u32 bytes, u32 lane, u64 &origin) {
  if (bytes == 1) {
    const bool known = in_mask(known_lanes(w, slot), lane);
    origin = origin_of_predicate(w, slot);
    return {u64(predicate_at(w, slot) >> lane & 1), !known};
  }
  const Unknown unknown = bytes == 8 ? unknown_of<u64>(w, slot, lane) : unknown_of<u32>(w, slot, lane);
  const u64 value = bytes == 8 ? lanes_at<u64>(w, slot)[lane] : lanes_at<u32>(w, slot)[lane];
  origin = unknown.origin;
  return {value, unknown.bits};
}

LaneOperands read_operands(const Warp &w, const Op *op, const Uses &uses, u32 lane) {
  const FormTypes &types = types_of(op->form);
  const ElementType narrow[] = {types.a, types.b, types.c, types.e};
  LaneOperands found;
  found.count = uses.sources < kMostSources ? uses.sources : kMostSources;
  for (u32 i = 0; i < found.count; ++i) {
    u64 origin = 0;
    Bits bits = read_operand(w, w.run->program->operands[uses.first + i], w.run->program->operand_bytes[uses.first + i],
                             lane, origin);
    if (i < 4 && narrow[i].bytes) bits = {extended(bits.value, narrow[i]), extended(bits.unknown, narrow[i])};
    if (bits.unknown && found.all_known(0)) found.origin = origin;
    found.in[i] = bits;
  }
  return found;
}

// --- rules -----------------------------------------------------------------------------------------------------------

u64 unknown_sum(const Bits &a, const Bits &b) {
  return a.unknown | b.unknown | ((a.least() + b.least()) ^ (a.most() + b.most()));
}
u64 unknown_difference(const Bits &a, const Bits &b) {
  return a.unknown | b.unknown | ((a.least() - b.most()) ^ (a.most() - b.least()));
}
// Zeros below the lowest unknown bit of one factor stay, moved by those of the other.
u64 unknown_product(const Bits &a, const Bits &b) {
  const bool zero = (!a.unknown && !a.value) || (!b.unknown && !b.value);
  if (zero || (!a.unknown && !b.unknown)) return 0;
  const auto zeros = [](u64 x) { return x ? u32(__builtin_ctzll(x)) : 64u; };
  const u32 from_a = a.unknown ? zeros(a.unknown) + zeros(b.most()) : 64;
  const u32 from_b = b.unknown ? zeros(b.unknown) + zeros(a.most()) : 64;
  const u32 first = from_a < from_b ? from_a : from_b;
  return first >= 64 ? 0 : ~u64(0) << first;
}

// A bit is known where every choice of the unknown bits of a, b and c gives the same.
u64 unknown_logic(const Bits &a, const Bits &b, const Bits &c, u32 table) {
  const Bits *const in[] = {&a, &b, &c};
  u64 may_be[2] = {0, 0};
  for (u32 row = 0; row < 8; ++row) {
    u64 possible = ~u64(0);
    for (u32 i = 0; i < 3; ++i) possible &= row >> (2 - i) & 1 ? in[i]->most() : ~in[i]->least();
    may_be[table >> row & 1] |= possible;
  }
  return may_be[0] & may_be[1];
}

enum Truth : u8 { no, yes, open };
Truth truth_of(bool value, bool unknown) { return unknown ? open : value ? yes : no; }
Truth opposite(Truth x) { return x == open ? open : x == yes ? no : yes; }

// Comparison of integers: known bits that differ decide eq and ne; ranges decide the order.
Truth compare_bits(const Bits &given_a, const Bits &given_b, u32 bytes, bool is_signed, Compare how) {
  const u64 sign = is_signed ? u64(1) << (8 * bytes - 1) : 0;
  const Bits a{(given_a.value ^ sign) & ones(bytes), given_a.unknown & ones(bytes)};
  const Bits b{(given_b.value ^ sign) & ones(bytes), given_b.unknown & ones(bytes)};
  const bool differ = (a.value ^ b.value) & ~(a.unknown | b.unknown), exact = !a.unknown && !b.unknown;
  const Truth less = a.most() < b.least() ? yes : a.least() >= b.most() ? no : open;
  const Truth more = b.most() < a.least() ? yes : b.least() >= a.most() ? no : open;
  const Truth same = differ ? no : exact ? yes : open;
  switch (how) {
    case Compare::eq: return same;
    case Compare::ne: return opposite(same);
    case Compare::lt: return less;
    case Compare::le: return opposite(more);
    case Compare::gt: return more;
    case Compare::ge: return opposite(less);
    default: return open;
  }
}

Truth combined(Truth a, Truth b, Combine how) {
  if (how == Combine::none) return a;
  if (how == Combine::and_ && (a == no || b == no)) return no;
  if (how == Combine::or_ && (a == yes || b == yes)) return yes;
  if (a == open || b == open) return open;
  return truth_of(how == Combine::and_ ? a & b : how == Combine::or_ ? a | b : a ^ b, false);
}

Truth combine_with(const Op *op, Truth compared, const Bits &given) {
  const bool value = (given.value & 1) != bool(op->flags & kNegate);
  return combined(compared, truth_of(value, given.unknown), Combine(op->round));
}

// The element that a comparison of integers compares; no bytes: it is none.
ElementType compared_type(uint16_t form) {
  switch (form) {
    case form_setp_u16: case form_set_u16: return {2, false};
    case form_setp_s16: case form_set_s16: return {2, true};
    case form_setp_u32: case form_set_u32: return {4, false};
    case form_setp_s32: case form_set_s32: return {4, true};
    case form_setp_u64: case form_set_u64: return {8, false};
    case form_setp_s64: case form_set_s64: return {8, true};
    default: return {0, false};
  }
}

// --- results ---------------------------------------------------------------------------------------------------------

// Unknown bits of each destination.
struct Results { u64 unknown[4] = {}; };

bool is_conversion(uint16_t form) { return form >= form_cvt_u8_u8 && form <= form_cvt_u64_s64; }

u64 shifted(const LaneOperands &in, u64 moved) { return in[1].unknown ? ~u64(0) : moved; }

u64 select_bits(const Op *op, const LaneOperands &in) {
  if (in[2].unknown) return in[0].unknown | in[1].unknown | (in[0].value ^ in[1].value);
  const bool first = (in[2].value & 1) != bool(op->flags & kNegate);
  return first ? in[0].unknown : in[1].unknown;
}

// Half by half: a half of the result is known where that of every operand is.
u64 by_halves(const LaneOperands &in) {
  u64 unknown = 0;
  for (u32 i = 0; i < in.count; ++i) unknown |= in[i].unknown;
  return (unknown & 0xffff ? 0xffff : 0) | (unknown >> 16 & 0xffff ? 0xffff0000 : 0);
}

// Forms with one result that is followed bit by bit. False: the form is not one of them.
bool follow_bits(const Op *op, const LaneOperands &in, u64 &d) {
  const Bits &a = in[0], &b = in[1], &c = in[2];
  const u32 shift = u32(b.value);
  switch (op->form) {
    case form_mov_b16: case form_mov_b32: case form_mov_b64: case form_not_b16: case form_not_b32: case form_not_b64:
      return d = a.unknown, true;
    case form_and_b16: case form_and_b32: case form_and_b64: return d = unknown_logic(a, b, {}, 0xc0), true;
    case form_or_b16: case form_or_b32: case form_or_b64: return d = unknown_logic(a, b, {}, 0xfc), true;
    case form_xor_b16: case form_xor_b32: case form_xor_b64: return d = a.unknown | b.unknown, true;
    case form_lop3_b32: return d = unknown_logic(a, b, c, u32(op->offset)), true;
    case form_shl_b16: case form_shl_b32: return d = shifted(in, shift > 31 ? 0 : a.unknown << shift), true;
    case form_shl_b64: return d = shifted(in, shift > 63 ? 0 : a.unknown << shift), true;
    case form_shr_u16: case form_shr_u32: case form_shr_u64:
      return d = shifted(in, shift > 63 ? 0 : a.unknown >> shift), true;
    case form_shr_s16: case form_shr_s32: case form_shr_s64:
      return d = shifted(in, u64(s64(a.unknown) >> (shift > 63 ? 63 : shift))), true;
    case form_shf_l: case form_shf_r: {
      const u64 both = b.unknown << 32 | a.unknown, by = op->kind ? (c.value > 32 ? 32 : c.value) : c.value & 31;
      return d = c.unknown ? ~u64(0) : op->form == form_shf_l ? both << by >> 32 : both >> by, true;
    }
    case form_prmt_b32:
      return d = c.unknown ? ~u64(0) : permute_bytes(u32(a.unknown), u32(b.unknown), u32(c.value), op->kind), true;
    case form_bfe_u32: case form_bfe_s32:
      d = bit_field(u32(a.unknown), u32(b.value), u32(c.value), op->form == form_bfe_s32);
      return d = b.unknown || c.unknown ? ~u64(0) : d, true;
    case form_bfe_u64: case form_bfe_s64:
      d = bit_field(a.unknown, u32(b.value), u32(c.value), op->form == form_bfe_s64);
      return d = b.unknown || c.unknown ? ~u64(0) : d, true;
    case form_bfi_b32: case form_bfi_b64:
      d = op->form == form_bfi_b64 ? insert_field(a.unknown, b.unknown, u32(c.value), u32(in[3].value))
                                   : insert_field(u32(a.unknown), u32(b.unknown), u32(c.value), u32(in[3].value));
      return d = c.unknown || in[3].unknown ? ~u64(0) : d, true;
    case form_brev_b32: return d = reverse_bits(u32(a.unknown)), true;
    case form_brev_b64: return d = u64(reverse_bits(u32(a.unknown))) << 32 | reverse_bits(u32(a.unknown >> 32)), true;
    case form_add_u16: case form_add_u32: case form_add_u64: return d = unknown_sum(a, b), true;
    case form_sub_u16: case form_sub_u32: case form_sub_u64: return d = unknown_difference(a, b), true;
    case form_neg_s16: case form_neg_s32: case form_neg_s64: return d = unknown_difference({}, a), true;
    case form_mul_lo_u16: case form_mul_lo_u32: case form_mul_lo_u64: return d = unknown_product(a, b), true;
    case form_mad_lo_u16: case form_mad_lo_u32: case form_mad_lo_u64:
      return d = unknown_sum({a.value * b.value, unknown_product(a, b)}, c), true;
    case form_mul_wide_u32: case form_mul_wide_u16: return d = unknown_product(a, b), true;
    case form_selp_b32: case form_selp_b64: return d = select_bits(op, in), true;
    case form_pack_2x8: return d = a.unknown | b.unknown << 8, true;
    case form_pack_2x16: return d = a.unknown | b.unknown << 16, true;
    case form_pack_2x32: return d = a.unknown | b.unknown << 32, true;
    case form_pack_4x8: return d = a.unknown | b.unknown << 8 | c.unknown << 16 | in[3].unknown << 24, true;
    case form_pack_4x16: return d = a.unknown | b.unknown << 16 | c.unknown << 32 | in[3].unknown << 48, true;
    case form_cvt_f16x2_f32: case form_cvt_bf16x2_f32: case form_cvt_f16x2_f32_rz: case form_cvt_bf16x2_f32_rz:
      return d = (a.unknown ? 0xffff0000 : 0) | (b.unknown ? 0xffff : 0), true;
    case form_set_f16x2: case form_set_bf16x2: return d = in.count > 2 && c.unknown ? ~u64(0) : by_halves(in), true;
    default: break;
  }
  if (is_conversion(op->form)) return d = a.unknown, true;
  if (types_of(op->form).packed) return d = by_halves(in), true;
  return false;
}

// Forms with several results or a predicate. False: the form is not one of them.
bool follow_parts(const Op *op, const LaneOperands &in, Results &results) {
  const Bits &a = in[0];
  const auto unpack = [&](u32 parts, u32 width) {
    for (u32 i = 0; i < parts; ++i) results.unknown[i] = a.unknown >> (i * width) & low_ones<u64>(width);
    return true;
  };
  const ElementType compared = compared_type(op->form);
  if (compared.bytes) {
    const Truth truth = compare_bits(a, in[1], compared.bytes, compared.is_signed, Compare(op->kind));
    const Bits with = in.count > 2 ? in[2] : Bits();
    results.unknown[0] = combine_with(op, truth, with) == open ? ~u64(0) : 0;
    results.unknown[1] = combine_with(op, opposite(truth), with) == open ? ~u64(0) : 0;
    return true;
  }
  switch (op->form) {
    case form_unpack_2x8: return unpack(2, 8);
    case form_unpack_2x16: return unpack(2, 16);
    case form_unpack_2x32: return unpack(2, 32);
    case form_unpack_4x8: return unpack(4, 8);
    case form_unpack_4x16: return unpack(4, 16);
    case form_setp_f16x2: case form_setp_bf16x2: {
      const u64 halves = by_halves(in), with = in.count > 2 ? in[2].unknown : 0;
      results.unknown[0] = (halves & 0xffff) || with;
      results.unknown[1] = (halves >> 16) || with;
      return true;
    }
    case form_and_pred: case form_or_pred: {
      const Combine how = op->form == form_and_pred ? Combine::and_ : Combine::or_;
      const Truth truth = combined(truth_of(a.value, a.unknown), truth_of(in[1].value, in[1].unknown), how);
      results.unknown[0] = truth == open;
      return true;
    }
    case form_lop3_pred: {
      results.unknown[0] = unknown_logic(a, in[1], in[2], u32(op->offset)) & 0xffffffff;
      const u64 value = logic3(u32(a.value), u32(in[1].value), u32(in[2].value), u32(op->offset));
      const Truth set = value & ~results.unknown[0] ? yes : results.unknown[0] ? open : no;
      const bool with = (in[3].value & 1) != bool(op->flags & kNegate);
      const Combine how = op->kind ? Combine::or_ : Combine::and_;
      results.unknown[1] = combined(set, truth_of(with, in[3].unknown), how) == open;
      return true;
    }
    default: return false;
  }
}

Results follow(const Op *op, const LaneOperands &in) {
  Results results;
  if (follow_bits(op, in, results.unknown[0])) {
    results.unknown[0] = extended(results.unknown[0], types_of(op->form).d);
    return results;
  }
  if (follow_parts(op, in, results)) return results;
  for (u64 &each : results.unknown) each = in.all_known(0) ? 0 : extended(~u64(0), types_of(op->form).d);
  return results;
}

// --- the carry -------------------------------------------------------------------------------------------------------

// The product of mad.cc and madc: its lower or its upper half.
Bits carried_product(const Op *op, const Bits &a, const Bits &b, u32 bytes, bool is_signed) {
  if (!op->kind) return {a.value * b.value & ones(bytes), unknown_product(a, b) & ones(bytes)};
  const bool zero = (!a.unknown && !a.value) || (!b.unknown && !b.value);
  if (zero || (!a.unknown && !b.unknown)) return {upper_product(a.value, b.value, 8 * bytes, is_signed), 0};
  return {0, ones(bytes)};
}

// What add, sub and mad with a carry give in one lane. A subtraction is a + ~b + 1.
Results follow_carry(Warp &w, const Op *op, LaneOperands &in, u32 bytes, u32 lane) {
  Bits a = in[0], b = in[1], carry;
  const bool subtracts = op->form == form_sub_carry_32 || op->form == form_sub_carry_64;
  const bool is_signed = op->form == form_mad_carry_s32 || op->form == form_mad_carry_s64;
  if (in.count > 2) {
    a = carried_product(op, a, b, bytes, is_signed);
    b = in[2];
  }
  if (op->flags & kUsesCarry) carry = {w.carry >> lane & 1, w.carry_unknown >> lane & 1};
  else carry.value = subtracts;
  if (carry.unknown && !in.origin) in.origin = w.carry_origin;
  if (subtracts) b.value = ~b.value & ones(bytes);
  const CarriedSum sum = unknown_carried_sum({a.least(), a.most()}, {b.least(), b.most()},
                                             {carry.least(), carry.most()}, 8 * bytes);
  if (op->flags & kSetsCarry) {
    w.carry_unknown = (w.carry_unknown & ~(1u << lane)) | u32(sum.carry) << lane;
    if (sum.carry) w.carry_origin = in.origin;
  }
  Results results;
  results.unknown[0] = sum.unknown;
  return results;
}

// A result of one lane.
void learn_result(const Warp &w, u32 slot, u32 bytes, u32 lane, const Unknown &value) {
  if (bytes != 1) return learn_lane(w, slot, bytes, lane, value);
  known_lanes(w, slot) = (known_lanes(w, slot) & ~(1u << lane)) | u32(!value.bits) << lane;
  if (value.bits) origin_of_predicate(w, slot) = value.origin;
}

}  // namespace

void lose_results(Warp &w, const Op *op) {
  const Program &program = *w.run->program;
  const Uses &uses = program.uses[op - w.run->ops];
  const u32 first = uses.first + uses.sources;
  for (u32 rest = w.doubtful; rest; rest &= rest - 1) {
    for (u32 i = 0; i < uses.destinations; ++i)
      learn_result(w, program.operands[first + i], program.operand_bytes[first + i], first_lane(rest),
                   {~u64(0), w.doubt_origin});
  }
  if (op->flags & kSetsCarry) {
    w.carry_unknown |= w.doubtful;
    w.carry_origin = w.doubt_origin;
  }
  w.doubtful = 0;
}

void spread_unknown(Warp &w, const Op *op, const Uses &uses) {
  const Program &program = *w.run->program;
  const u32 first = uses.first + uses.sources;
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 lane = first_lane(rest);
    LaneOperands in = read_operands(w, op, uses, lane);
    const bool carries = op->flags & (kSetsCarry | kUsesCarry);
    const Results results = carries ? follow_carry(w, op, in, program.operand_bytes[first], lane) : follow(op, in);
    for (u32 i = 0; i < uses.destinations; ++i)
      learn_result(w, program.operands[first + i], program.operand_bytes[first + i], lane,
                   {results.unknown[i < 4 ? i : 3], in.origin});
  }
}

}  // namespace vgpu
