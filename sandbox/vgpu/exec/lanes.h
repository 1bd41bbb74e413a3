// How a handler visits the 32 lanes of a warp: typed views of frame slots and loops the compiler turns into vector
// code. Writes touch active lanes only; a full mask takes the path without a select.
#pragma once

#include "numeric.h"
#include "run.h"

namespace vgpu {

constexpr u32 kAllLanes = 0xffffffff;
constexpr u32 kWarpSize = 32;

// A slot as elements of type T. Elements below 4 bytes live in the low bits of a 4-byte lane.
template <class T, bool small = (sizeof(T) < 4)>
struct Slot {
  static T get(const char *slot, u32 lane) { return reinterpret_cast<const T *>(slot)[lane]; }
  using Stored = T;
  static Stored word(T value) { return value; }
  static void put(char *slot, u32 lane, T value) { reinterpret_cast<Stored *>(slot)[lane] = word(value); }
};
template <class T>
struct Slot<T, true> {
  static T get(const char *slot, u32 lane) { return T(reinterpret_cast<const u32 *>(slot)[lane]); }
  using Stored = u32;
  static Stored word(T value) { return u32(s32(value)); }
  static void put(char *slot, u32 lane, T value) { reinterpret_cast<Stored *>(slot)[lane] = word(value); }
};

template <class T>
inline T *lanes_at(const Warp &w, u32 offset) { return reinterpret_cast<T *>(w.frame + offset); }
inline u32 &predicate_at(const Warp &w, u32 offset) { return *reinterpret_cast<u32 *>(w.frame + offset); }
inline bool in_mask(u32 mask, u32 lane) { return mask >> lane & 1; }
inline u32 count_lanes(u32 mask) { return ones_in(mask); }
inline u32 first_lane(u32 mask) { return u32(__builtin_ctz(mask)); }

// Writes make(lane) to the active lanes of slot d. `make` may read slots that d overlaps, at the same lane only.
template <class D, class Make>
inline void write_lanes(const Warp &w, u32 d, Make make) {
  char *slot = w.frame + d;
  if (w.mask == kAllLanes) {
#pragma GCC ivdep
    for (u32 i = 0; i < kWarpSize; ++i) Slot<D>::put(slot, i, make(i));
    return;
  }
  const u32 mask = w.mask;
  // Whole words are kept: the register of an inactive lane may be wider than D (ld.u8 into a 32-bit register).
  auto *words = reinterpret_cast<typename Slot<D>::Stored *>(slot);
#pragma GCC ivdep
  for (u32 i = 0; i < kWarpSize; ++i) {
    const D made = make(i);
    words[i] = in_mask(mask, i) ? Slot<D>::word(made) : words[i];
  }
}

inline void write_predicate(const Warp &w, u32 d, u32 bits) {
  u32 &old = predicate_at(w, d);
  old = (old & ~w.mask) | (bits & w.mask);
}

// Lanes for which `test` holds, as a mask.
template <class Test>
inline u32 lanes_where(Test test) {
  u32 bits = 0;
  for (u32 i = 0; i < kWarpSize; ++i) bits |= u32(test(i)) << i;
  return bits;
}

template <class D, class A, class F>
inline const Op *map1(Warp &w, const Op *op, F f) {
  const char *a = w.frame + op->a;
  write_lanes<D>(w, op->d, [=](u32 i) { return D(f(Slot<A>::get(a, i))); });
  return op + 1;
}
template <class D, class A, class B, class F>
inline const Op *map2(Warp &w, const Op *op, F f) {
  const char *a = w.frame + op->a, *b = w.frame + op->b;
  write_lanes<D>(w, op->d, [=](u32 i) { return D(f(Slot<A>::get(a, i), Slot<B>::get(b, i))); });
  return op + 1;
}
template <class D, class A, class B, class C, class F>
inline const Op *map3(Warp &w, const Op *op, F f) {
  const char *a = w.frame + op->a, *b = w.frame + op->b, *c = w.frame + op->c;
  write_lanes<D>(w, op->d, [=](u32 i) { return D(f(Slot<A>::get(a, i), Slot<B>::get(b, i), Slot<C>::get(c, i))); });
  return op + 1;
}
template <class D, class A, class B, class C, class E, class F>
inline const Op *map4(Warp &w, const Op *op, F f) {
  const char *a = w.frame + op->a, *b = w.frame + op->b, *c = w.frame + op->c, *e = w.frame + op->v[0];
  write_lanes<D>(w, op->d, [=](u32 i) {
    return D(f(Slot<A>::get(a, i), Slot<B>::get(b, i), Slot<C>::get(c, i), Slot<E>::get(e, i)));
  });
  return op + 1;
}

// Records why the launch stops; the null pointer it returns ends the interpreter loop.
inline const Op *stop_at(Warp &w, const Op *op, FaultKind kind, u32 lane, const char *note = "") {
  Stop &stop = w.run->stop;
  stop = Stop();
  stop.stopped = true;
  stop.kind = kind;
  stop.op = op;
  stop.warp = w.id, stop.lane = lane;
  stop.note = note;
  return nullptr;
}
// The same for lanes that the operation names and that do not come.
inline const Op *stop_at_absent(Warp &w, const Op *op, u32 absent) {
  stop_at(w, op, FaultKind::absent_lane, first_lane(w.mask));
  w.run->stop.absent = absent;
  return nullptr;
}

}  // namespace vgpu
