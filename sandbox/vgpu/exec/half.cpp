// Handlers of isa/half.def: f16 and bf16, scalar and packed.
#include "half.h"

#include "approx.h"
#include "compare.h"
#include "table.h"

namespace vgpu {
namespace {

template <class H>
struct ReadHalf {
  const u32 *slot;
  u32 shift;
  const Op *op;
  f32 operator()(u32 i) const { return read_half<H>(u16(slot[i] >> shift), op); }
};
template <class H>
u32 compared_half(const Warp &w, const Op *op, u32 shift) {
  const ReadHalf<H> a{lanes_at<u32>(w, op->a), shift, op}, b{lanes_at<u32>(w, op->b), shift, op};
  return compare_lanes(Compare(op->kind), a, b);
}
template <class H>
const Op *setp_half(Warp &w, const Op *op) { return put_comparison(w, op, compared_half<H>(w, op, 0)); }

// p compares the low halves, q the high halves.
template <class H>
const Op *setp_half2(Warp &w, const Op *op) {
  const Combine how = Combine(op->round);
  const u32 with = how == Combine::none ? 0 : read_predicate(w, op);
  if (op->flags & kHasD2) write_predicate(w, op->v[0], combine(compared_half<H>(w, op, 16), with, how));
  write_predicate(w, op->d, combine(compared_half<H>(w, op, 0), with, how));
  return op + 1;
}
template <class H>
const Op *set_half(Warp &w, const Op *op) { return put_set(w, op, compared_half<H>(w, op, 0)); }
template <class H>
const Op *set_half2(Warp &w, const Op *op) {
  const Combine how = Combine(op->round);
  const u32 with = how == Combine::none ? 0 : read_predicate(w, op);
  const u32 low = combine(compared_half<H>(w, op, 0), with, how),
            high = combine(compared_half<H>(w, op, 16), with, how);
  const u32 value = u32(op->offset) & 0xffff;
  write_lanes<u32>(w, op->d, [=](u32 i) {
    return (in_mask(low, i) ? value : 0) | (in_mask(high, i) ? value << 16 : 0);
  });
  return op + 1;
}
const Op *setp_f16(Warp &w, const Op *op) { return setp_half<F16>(w, op); }
const Op *setp_f16x2(Warp &w, const Op *op) { return setp_half2<F16>(w, op); }
const Op *set_f16(Warp &w, const Op *op) { return set_half<F16>(w, op); }
const Op *set_f16x2(Warp &w, const Op *op) { return set_half2<F16>(w, op); }
const Op *setp_bf16(Warp &w, const Op *op) { return setp_half<Bf16>(w, op); }
const Op *setp_bf16x2(Warp &w, const Op *op) { return setp_half2<Bf16>(w, op); }
const Op *set_bf16(Warp &w, const Op *op) { return set_half<Bf16>(w, op); }
const Op *set_bf16x2(Warp &w, const Op *op) { return set_half2<Bf16>(w, op); }

#define LANES1 DEFINE_LANES1
#define LANES2 DEFINE_LANES2
#define LANES3 DEFINE_LANES3
#define PLAIN NO_ROW
#include "../isa/half.def"
#undef LANES1
#undef LANES2
#undef LANES3
#undef PLAIN
}  // namespace

void add_half(HandlerTable &table) {
#define LANES1 TABLE_ROW
#define LANES2 TABLE_ROW
#define LANES3 TABLE_ROW
#define PLAIN TABLE_ROW
#include "../isa/half.def"
}

}  // namespace vgpu
