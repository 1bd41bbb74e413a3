// Blocks that share a queue take their next piece of work from a counter in global memory: they add to it, and go on
// or not by what it was (kDealsWork). On a card each does so when it has done its last piece. So that it is the same
// here, where a block would run on alone and take all, a warp that takes from a counter again first lets those go on
// that have done less (schedule/live_block.h). The first number of a warp costs no wait.
#pragma once

#include <type_traits>
#include <utility>

#include "access.h"

namespace vgpu {

// Whether an operation can take a number: it adds to a whole number in global memory and gives back the old one.
template <Space S, class T, bool returns>
inline bool may_take(const Op *op) {
  return returns && (S == Space::global || S == Space::generic) && std::is_integral<T>::value &&
         (op->kind == kAdd || op->kind == kInc || op->kind == kDec);
}

// Whether all active lanes address one word, and it is in global memory.
inline bool is_counter(const Warp &w, const Lanes64 &address) {
  const u64 word = address.at[first_lane(w.mask)];
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    if (address.at[first_lane(rest)] != word) return false;
  }
  return word >= kGlobalBase;
}

// Adding nothing is how a loop reads a word that it waits for.
template <class Bits>
inline bool adds_nothing(const Warp &w, const Op *op) {
  if (op->kind != kAdd) return false;
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    if (Slot<Bits>::get(w.frame + op->b, first_lane(rest)) != 0) return false;
  }
  return true;
}

// Whether the warp leaves before the operation, which it executes when it comes back.
template <class Bits>
inline bool leaves_to_take(Warp &w, const Op *op, const Lanes64 &address) {
  if (w.taking == Taking::granted) {
    w.taking = Taking::no;
    return false;
  }
  if (!is_counter(w, address) || adds_nothing<Bits>(w, op)) return false;
  const bool again = std::exchange(w.took, true);
  if (!again || !(op->flags & kDealsWork)) return false;
  w.taking = Taking::waits;
  w.resume = op;
  w.run->latency = 0;                  // it has not been executed
  return true;
}

}  // namespace vgpu
