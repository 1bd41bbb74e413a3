// The mbarrier object: 64 bits of shared memory that count the arrivals and the bytes of one phase after the other.
// Section "mbarrier" of https://docs.nvidia.com/cuda/parallel-thread-execution/.
//
// The manual leaves the encoding open. Ours: bits 0-19 pending arrivals, 20-39 expected arrivals, 40-60 tx-count in
// two's complement, 61 parity of the current phase, 62-63 the mark of an initialised barrier (binary 10). The state
// that arrive returns is the word before the arrival. Every limit is the manual's; a function that returns text
// refuses.
#pragma once

#include "lanes.h"

namespace vgpu {

constexpr u32 kMostArrivals = (1u << 20) - 1;
constexpr s32 kMostTransactions = (1 << 20) - 1;

struct Mbarrier {
  u32 pending = 0, expected = 0;
  s32 transactions = 0;            // bytes (tx-count)
  bool parity = false;             // of the current phase
};

inline u32 pending_count(u64 word) { return u32(word & kMostArrivals); }
inline bool phase_parity(u64 word) { return word >> 61 & 1; }
inline bool is_mbarrier(u64 word) { return word >> 62 == 2; }

inline Mbarrier unpack_mbarrier(u64 word) {
  const u32 transactions = u32(word >> 40 & 0x1fffff);
  return {pending_count(word), u32(word >> 20 & kMostArrivals), s32(transactions << 11) >> 11, phase_parity(word)};
}
inline u64 pack_mbarrier(const Mbarrier &barrier) {
  return barrier.pending | u64(barrier.expected) << 20 | u64(u32(barrier.transactions) & 0x1fffff) << 40 |
         u64(barrier.parity) << 61 | u64(2) << 62;
}

constexpr const char *kNotInitialised = "the mbarrier at this address is not initialised: mbarrier.init comes first";

// A phase ends when nothing is pending. True where it did.
inline bool end_phase(Mbarrier &barrier) {
  if (barrier.pending != 0 || barrier.transactions != 0) return false;
  barrier.pending = barrier.expected;
  barrier.parity = !barrier.parity;
  return true;
}

inline const char *arrive(Mbarrier &barrier, u32 count) {
  if (count == 0 || count > barrier.pending)
    return "more threads arrive at the mbarrier than its current phase waits for, or none does";
  barrier.pending -= count;
  return nullptr;
}

// The thread arrives, and later phases wait for `count` fewer.
inline const char *arrive_drop(Mbarrier &barrier, u32 count) {
  if (const char *problem = arrive(barrier, count)) return problem;
  if (count > barrier.expected) return "more threads leave the mbarrier than it expects";
  barrier.expected -= count;
  return nullptr;
}

inline const char *add_pending(Mbarrier &barrier, u32 count) {
  if (count > kMostArrivals - barrier.pending) return "the mbarrier's pending count is beyond 2^20 - 1";
  barrier.pending += count;
  return nullptr;
}

inline const char *add_transactions(Mbarrier &barrier, s64 bytes) {
  const s64 sum = barrier.transactions + bytes;
  if (sum > kMostTransactions || sum < -kMostTransactions) return "the mbarrier's tx-count is beyond 2^20 - 1";
  barrier.transactions = s32(sum);
  return nullptr;
}

}  // namespace vgpu
