// Handlers of atom and red: lanes update memory one after the other, lane 0 first.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#parallel-synchronization-and-communication-instructions-atom
#include "access.h"
#include "atomic_elements.h"
#include "every_watch.h"
#include "taking.h"

namespace vgpu {
namespace {

template <class Bits>
bool all_lanes_give_one(const Warp &w, const Op *op) {
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    if (Slot<Bits>::get(w.frame + op->b, first_lane(rest)) != 1) return false;
  }
  return true;
}

// What ptxas makes of it: a loop for floating-point numbers, for which shared memory has no adder. Of whole numbers
// that all lanes add to one word, their sum (redux) where it can tell that they do. Ones that nobody gets back are
// counted by the memory itself (ATOMS.POPC.INC). nvdisasm shows both.
template <class T, bool returns>
Update update_of(const Warp &w, const Op *op) {
  if (!std::is_integral<T>::value) return Update::loop;
  const bool folds = op->kind == kAdd || (!returns && op->kind > kAdd && op->kind <= kXor);
  if (!folds || sizeof(T) != 4) return Update::single;
  const bool counts = !returns && op->kind == kAdd && all_lanes_give_one<typename Element<T>::Bits>(w, op);
  return counts || op->flags & kUniformAddress ? Update::combined : Update::single;
}

template <class W, Space S, class T, bool returns>
const Op *update_at(Warp &w, const Op *op, Lanes64 &address) {
  using Bits = typename Element<T>::Bits;
  Request request;
  if (!prepare_request<S>(w, op, address, sizeof(Bits), true, request)) return nullptr;
  state_access<W, S>(w, op, Access::atomic, request);
  if (S == Space::shared) W::contended(w, op, request, update_of<T, returns>(w, op));
  W::updated(w, op, S, request, op->b, returns ? op->d : kNone, op->kind == kExch);
  char *base = host_base<S>(w, address);
  Bits result[kWarpSize];
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 i = first_lane(rest);
    Bits &cell = *reinterpret_cast<Bits *>(base + address.at[i]);
    result[i] = cell;
    const Bits b = Slot<Bits>::get(w.frame + op->b, i);
    const Bits c = op->kind == kCas ? Slot<Bits>::get(w.frame + op->c, i) : Bits(0);
    cell = updated_in<S, T>(cell, b, c, op);
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
  if (may_take<S, T, returns>(op) && leaves_to_take<typename Element<T>::Bits>(w, op, address)) return nullptr;
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
  for_every_watch(table, [](auto watch, Handler *row) { add_watched<decltype(watch)>(row); });
}

}  // namespace vgpu
