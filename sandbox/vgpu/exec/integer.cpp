// Handlers of isa/integer.def: integer arithmetic, logic, shifts, comparison.
#include "bits.h"
#include "compare.h"
#include "table.h"
#include "video.h"

namespace vgpu {
namespace {

// a + b + carry in, and whether the sum left the type.
template <class T>
const Op *add_carry(Warp &w, const Op *op, bool invert) {
  const T *a = lanes_at<T>(w, op->a), *b = lanes_at<T>(w, op->b);
  T *d = lanes_at<T>(w, op->d);
  const u32 carry_in = w.carry;
  u32 carry_out = 0;
  for (u32 i = 0; i < kWarpSize; ++i) {
    if (!in_mask(w.mask, i)) continue;
    // A subtraction is a + ~b + 1. ptxas keeps the carry of that sum in CC.CF, which is no borrow: what an addition
    // reads after a subtraction, or the reverse, is this bit (IADD3.X).
    const T right = invert ? T(~b[i]) : b[i];
    const bool flag = op->flags & kUsesCarry ? in_mask(carry_in, i) : invert;
    const u128 sum = u128(a[i]) + right + flag;
    d[i] = T(sum);
    carry_out |= u32(bool(sum >> (sizeof(T) * 8))) << i;
  }
  if (op->flags & kSetsCarry) w.carry = (w.carry & ~w.mask) | carry_out;
  return op + 1;
}
const Op *add_carry_32(Warp &w, const Op *op) { return add_carry<u32>(w, op, false); }
const Op *add_carry_64(Warp &w, const Op *op) { return add_carry<u64>(w, op, false); }
const Op *sub_carry_32(Warp &w, const Op *op) { return add_carry<u32>(w, op, true); }
const Op *sub_carry_64(Warp &w, const Op *op) { return add_carry<u64>(w, op, true); }

template <class T, class Wide>
const Op *mad_carry(Warp &w, const Op *op) {
  using U = std::make_unsigned_t<T>;
  const T *a = lanes_at<T>(w, op->a), *b = lanes_at<T>(w, op->b);
  const U *c = lanes_at<U>(w, op->c);
  U *d = lanes_at<U>(w, op->d);
  u32 carry_out = 0;
  for (u32 i = 0; i < kWarpSize; ++i) {
    if (!in_mask(w.mask, i)) continue;
    const Wide product = Wide(a[i]) * b[i];
    const U part = U(op->kind ? product >> (sizeof(T) * 8) : product);
    const u128 sum = u128(part) + c[i] + ((op->flags & kUsesCarry) && in_mask(w.carry, i));
    d[i] = U(sum);
    carry_out |= u32(bool(sum >> (sizeof(T) * 8))) << i;
  }
  if (op->flags & kSetsCarry) w.carry = (w.carry & ~w.mask) | carry_out;
  return op + 1;
}
const Op *mad_carry_u32(Warp &w, const Op *op) { return mad_carry<u32, u64>(w, op); }
const Op *mad_carry_s32(Warp &w, const Op *op) { return mad_carry<s32, s64>(w, op); }
const Op *mad_carry_u64(Warp &w, const Op *op) { return mad_carry<u64, u128>(w, op); }
const Op *mad_carry_s64(Warp &w, const Op *op) { return mad_carry<s64, s128>(w, op); }

// p = (d != 0) and/or q
const Op *lop3_pred(Warp &w, const Op *op) {
  const u32 *a = lanes_at<u32>(w, op->a), *b = lanes_at<u32>(w, op->b), *c = lanes_at<u32>(w, op->c);
  const u32 with = predicate_at(w, op->v[1]) ^ (op->flags & kNegate ? kAllLanes : 0), table = u32(op->offset);
  const u32 set = lanes_where([&](u32 i) { return logic3(a[i], b[i], c[i], table) != 0; });
  write_lanes<u32>(w, op->d, [=](u32 i) { return logic3(a[i], b[i], c[i], table); });
  write_predicate(w, op->v[0], op->kind ? set | with : set & with);
  return op + 1;
}

const Op *setp_u16(Warp &w, const Op *op) { return setp<u16>(w, op); }
const Op *setp_s16(Warp &w, const Op *op) { return setp<s16>(w, op); }
const Op *setp_u32(Warp &w, const Op *op) { return setp<u32>(w, op); }
const Op *setp_s32(Warp &w, const Op *op) { return setp<s32>(w, op); }
const Op *setp_u64(Warp &w, const Op *op) { return setp<u64>(w, op); }
const Op *setp_s64(Warp &w, const Op *op) { return setp<s64>(w, op); }
const Op *set_u16(Warp &w, const Op *op) { return set_lanes<u16>(w, op); }
const Op *set_s16(Warp &w, const Op *op) { return set_lanes<s16>(w, op); }
const Op *set_u32(Warp &w, const Op *op) { return set_lanes<u32>(w, op); }
const Op *set_s32(Warp &w, const Op *op) { return set_lanes<s32>(w, op); }
const Op *set_f32(Warp &w, const Op *op) { return set_lanes<f32>(w, op); }
const Op *set_u64(Warp &w, const Op *op) { return set_lanes<u64>(w, op); }
const Op *set_s64(Warp &w, const Op *op) { return set_lanes<s64>(w, op); }
const Op *set_f64(Warp &w, const Op *op) { return set_lanes<f64>(w, op); }

template <class T>
const Op *select(Warp &w, const Op *op) {
  const u32 bits = read_predicate(w, op);
  const T *a = lanes_at<T>(w, op->a), *b = lanes_at<T>(w, op->b);
  write_lanes<T>(w, op->d, [=](u32 i) { return in_mask(bits, i) ? a[i] : b[i]; });
  return op + 1;
}
const Op *selp_b32(Warp &w, const Op *op) { return select<u32>(w, op); }
const Op *selp_b64(Warp &w, const Op *op) { return select<u64>(w, op); }

const Op *and_pred(Warp &w, const Op *op) {
  write_predicate(w, op->d, predicate_at(w, op->a) & predicate_at(w, op->b));
  return op + 1;
}
const Op *or_pred(Warp &w, const Op *op) {
  write_predicate(w, op->d, predicate_at(w, op->a) | predicate_at(w, op->b));
  return op + 1;
}
const Op *xor_pred(Warp &w, const Op *op) {
  write_predicate(w, op->d, predicate_at(w, op->a) ^ predicate_at(w, op->b));
  return op + 1;
}
const Op *not_pred(Warp &w, const Op *op) {
  write_predicate(w, op->d, ~predicate_at(w, op->a));
  return op + 1;
}
const Op *mov_pred(Warp &w, const Op *op) {
  write_predicate(w, op->d, predicate_at(w, op->a) ^ (op->flags & kNegate ? kAllLanes : 0));
  return op + 1;
}

#define LANES1 DEFINE_LANES1
#define LANES2 DEFINE_LANES2
#define LANES3 DEFINE_LANES3
#define LANES4 DEFINE_LANES4
#define PLAIN NO_ROW
#include "../isa/integer.def"
#undef LANES1
#undef LANES2
#undef LANES3
#undef LANES4
#undef PLAIN
}  // namespace

void add_integer(HandlerTable &table) {
#define LANES1 TABLE_ROW
#define LANES2 TABLE_ROW
#define LANES3 TABLE_ROW
#define LANES4 TABLE_ROW
#define PLAIN TABLE_ROW
#include "../isa/integer.def"
}

}  // namespace vgpu
