// Handlers of atom and red: lanes update memory one after the other, lane 0 first.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#parallel-synchronization-and-communication-instructions-atom
#include "access.h"
#include "claiming.h"
#include "half.h"
#include "table.h"

namespace vgpu {
namespace {

// op->kind, in the order of isa/memory.def's tokens.
enum : uint8_t { kExch, kCas, kAdd, kMin, kMax, kAnd, kOr, kXor, kInc, kDec };

template <class T>
struct Element {
  using Bits = T;
  static T add(T a, T b, const Op *) { return T(a + b); }
  static T least(T a, T b, const Op *) { return a < b ? a : b; }
  static T most(T a, T b, const Op *) { return a > b ? a : b; }
};
template <>
struct Element<f32> {
  using Bits = u32;
  static u32 add(u32 a, u32 b, const Op *) { return bits_as<u32>(canon(bits_as<f32>(a) + bits_as<f32>(b))); }
  static u32 least(u32 a, u32 b, const Op *) { return bits_as<u32>(min_of(bits_as<f32>(a), bits_as<f32>(b))); }
  static u32 most(u32 a, u32 b, const Op *) { return bits_as<u32>(max_of(bits_as<f32>(a), bits_as<f32>(b))); }
};
template <>
struct Element<f64> {
  using Bits = u64;
  static u64 add(u64 a, u64 b, const Op *) { return bits_as<u64>(canon(bits_as<f64>(a) + bits_as<f64>(b))); }
  static u64 least(u64 a, u64 b, const Op *) { return bits_as<u64>(min_of(bits_as<f64>(a), bits_as<f64>(b))); }
  static u64 most(u64 a, u64 b, const Op *) { return bits_as<u64>(max_of(bits_as<f64>(a), bits_as<f64>(b))); }
};
template <class H>
struct HalfElement {
  using Bits = u16;
  static u16 add(u16 a, u16 b, const Op *op) { return add_half<H>(a, b, op); }
  static u16 least(u16 a, u16 b, const Op *op) { return min_half<H>(a, b, op); }
  static u16 most(u16 a, u16 b, const Op *op) { return max_half<H>(a, b, op); }
};
template <class H>
struct Half2Element {
  using Bits = u32;
  static u32 add(u32 a, u32 b, const Op *op) { return each_half<add_half<H>>(a, b, op); }
  static u32 least(u32 a, u32 b, const Op *op) { return each_half<min_half<H>>(a, b, op); }
  static u32 most(u32 a, u32 b, const Op *op) { return each_half<max_half<H>>(a, b, op); }
};
struct F16x2 {};
struct Bf16x2 {};
template <> struct Element<F16> : HalfElement<F16> {};
template <> struct Element<Bf16> : HalfElement<Bf16> {};
template <> struct Element<F16x2> : Half2Element<F16> {};
template <> struct Element<Bf16x2> : Half2Element<Bf16> {};

template <class T, class Bits = typename Element<T>::Bits>
Bits updated(Bits old, Bits b, Bits c, const Op *op) {
  switch (op->kind) {
    case kExch: return b;
    case kCas: return old == b ? c : old;
    case kAdd: return Element<T>::add(old, b, op);
    case kMin: return Element<T>::least(old, b, op);
    case kMax: return Element<T>::most(old, b, op);
    case kAnd: return Bits(old & b);
    case kOr: return Bits(old | b);
    case kXor: return Bits(old ^ b);
    case kInc: return old >= b ? Bits(0) : Bits(old + 1);
    default: return old == 0 || old > b ? b : Bits(old - 1);
  }
}

template <class W, Space S, class T, bool returns>
const Op *update_at(Warp &w, const Op *op, Lanes64 &address) {
  using Bits = typename Element<T>::Bits;
  Request request;
  if (!prepare_request<S>(w, op, address, sizeof(Bits), true, request)) return nullptr;
  state_access<W, S>(w, op, Access::atomic, request);
  W::updated(w, op, S, request, returns);
  char *base = host_base<S>(w, address);
  Bits result[kWarpSize];
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 i = first_lane(rest);
    Bits &cell = *reinterpret_cast<Bits *>(base + address.at[i]);
    result[i] = cell;
    const Bits b = Slot<Bits>::get(w.frame + op->b, i);
    const Bits c = op->kind == kCas ? Slot<Bits>::get(w.frame + op->c, i) : Bits(0);
    cell = updated<T>(cell, b, c, op);
  }
  for (u32 rest = returns ? w.mask : 0; rest; rest &= rest - 1) {
    Slot<Bits>::put(w.frame + op->d, first_lane(rest), result[first_lane(rest)]);
  }
  return op + 1;
}

template <class W, Space S, class T, bool returns>
const Op *update(Warp &w, const Op *op) {
  if (!W::known_address(w, op, S, op->a, op->offset)) return nullptr;
  Lanes64 address;
  gather_addresses(w, op, address);
  if (S != Space::generic) return update_at<W, S, T, returns>(w, op, address);
  return split_by_space(w, op, address, [&](Space space, Lanes64 &moved) {
    if (space == Space::shared) return update_at<W, Space::shared, T, returns>(w, op, moved);
    if (space == Space::local) return update_at<W, Space::local, T, returns>(w, op, moved);
    return update_at<W, Space::global, T, returns>(w, op, moved);
  });
}

constexpr bool returns_old(const char *name) { return name[0] == 'a'; }

template <class W>
void add_watched(Handler *row) {
#define ATOM(name, p, c, s, r, g, space, T) row[form_##name] = update<W, Space::space, T, returns_old(#name)>;
#define LOAD NO_ROW
#define STORE NO_ROW
#define PLAIN NO_ROW
#define WATCHED NO_ROW
#include "../isa/memory.def"
}

}  // namespace

void add_atomics(HandlerTable &table) {
  add_watched<WatchNothing>(table[size_t(Watch::nothing)]);
  add_watched<WatchCounters>(table[size_t(Watch::counters)]);
  add_watched<WatchClaims>(table[size_t(Watch::claims)]);
  add_watched<WatchTiming>(table[size_t(Watch::timing)]);
  add_watched<WatchTracking>(table[size_t(Watch::tracking)]);
}

}  // namespace vgpu
