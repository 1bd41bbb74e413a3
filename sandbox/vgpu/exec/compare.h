// Comparison of lanes (setp, set): all ordered and unordered operators, combined with a predicate where asked.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#comparison-and-selection-instructions-setp
#pragma once

#include "half.h"
#include "lanes.h"

namespace vgpu {

// The c operand of setp, set and selp as a lane mask, negated where the text says !p.
inline u32 read_predicate(const Warp &w, const Op *op) {
  return predicate_at(w, op->c) ^ (op->flags & kNegate ? kAllLanes : 0);
}

template <class Read>
inline u32 compare_lanes(Compare how, Read a, Read b) {
  switch (how) {
    case Compare::eq: return lanes_where([&](u32 i) { return a(i) == b(i); });
    case Compare::ne: return lanes_where([&](u32 i) { return (a(i) < b(i)) | (a(i) > b(i)); });
    case Compare::lt: return lanes_where([&](u32 i) { return a(i) < b(i); });
    case Compare::le: return lanes_where([&](u32 i) { return a(i) <= b(i); });
    case Compare::gt: return lanes_where([&](u32 i) { return a(i) > b(i); });
    case Compare::ge: return lanes_where([&](u32 i) { return a(i) >= b(i); });
    case Compare::equ: return ~compare_lanes(Compare::ne, a, b);
    case Compare::neu: return lanes_where([&](u32 i) { return a(i) != b(i); });
    case Compare::ltu: return lanes_where([&](u32 i) { return !(a(i) >= b(i)); });
    case Compare::leu: return lanes_where([&](u32 i) { return !(a(i) > b(i)); });
    case Compare::gtu: return lanes_where([&](u32 i) { return !(a(i) <= b(i)); });
    case Compare::geu: return lanes_where([&](u32 i) { return !(a(i) < b(i)); });
    case Compare::num: return lanes_where([&](u32 i) { return (a(i) == a(i)) & (b(i) == b(i)); });
    case Compare::nan: return lanes_where([&](u32 i) { return (a(i) != a(i)) | (b(i) != b(i)); });
  }
  return 0;
}

template <class T>
struct ReadLane {
  const char *slot;
  bool ftz;
  T operator()(u32 i) const { return Slot<T>::get(slot, i); }
};
template <>
inline f32 ReadLane<f32>::operator()(u32 i) const { return flush_if(Slot<f32>::get(slot, i), ftz); }

inline u32 combine(u32 result, u32 with, Combine how) {
  return how == Combine::and_   ? result & with
         : how == Combine::or_  ? result | with
         : how == Combine::xor_ ? result ^ with
                                : result;
}

template <class T>
inline u32 compared(const Warp &w, const Op *op) {
  const bool ftz = op->flags & kFtz;
  const ReadLane<T> a{w.frame + op->a, ftz}, b{w.frame + op->b, ftz};
  return compare_lanes(Compare(op->kind), a, b);
}

// p = (a cmp b) boolop c;  q = !(a cmp b) boolop c;  p|p is p (as ptxas has it)
inline const Op *put_comparison(Warp &w, const Op *op, u32 bits) {
  const Combine how = Combine(op->round);
  const u32 with = how == Combine::none ? 0 : read_predicate(w, op);
  if (op->flags & kHasD2) write_predicate(w, op->v[0], combine(~bits, with, how));
  write_predicate(w, op->d, combine(bits, with, how));
  return op + 1;
}

template <class T>
inline const Op *setp(Warp &w, const Op *op) { return put_comparison(w, op, compared<T>(w, op)); }

// set: all ones (integers) or 1.0 (f32, op->n == 4; halves, op->n == 2) where true.
inline const Op *put_set(Warp &w, const Op *op, u32 bits) {
  const Combine how = Combine(op->round);
  if (how != Combine::none) bits = combine(bits, read_predicate(w, op), how);
  const u32 value = u32(op->offset);
  write_lanes<u32>(w, op->d, [=](u32 i) { return in_mask(bits, i) ? value : 0; });
  return op + 1;
}
template <class T>
inline const Op *set_lanes(Warp &w, const Op *op) { return put_set(w, op, compared<T>(w, op)); }

}  // namespace vgpu
