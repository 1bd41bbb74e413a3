// How many pieces the memory system splits one warp request into: 32-byte sectors of global memory, wavefronts of
// shared memory. Pure functions of the lanes' addresses, as the CUDA guides describe them:
// https://docs.nvidia.com/cuda/cuda-c-best-practices-guide/#coalesced-access-to-global-memory (32-byte transactions),
// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#shared-memory-5-x (32 banks of 4 bytes, one word a bank a
// wavefront, lanes that read the same word served together).
//
// Limits: shared requests of 8 bytes a lane are split into half warps and of 16 bytes into quarter warps, always; the
// cases in which hardware serves two halves at once are not modelled. Addresses of shared requests are naturally
// aligned (a misaligned one is a fault and never gets here).
//
// Every function tries the shapes of well-written kernels first, because it runs once a memory instruction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace vgpu {

constexpr uint32_t kLanes = 32;
constexpr uint32_t kFullMask = 0xffffffffu;
constexpr uint32_t kSectorShift = 5;            // 32 bytes
constexpr uint32_t kMaxSectors = 2 * kLanes;    // at most 16 bytes a lane, which may straddle one sector boundary

namespace detail {

// True when each of the first `kCount` lanes' numbers is the one before it plus the same stride. Compared in whole
// vectors against a running expectation: reading lane - 1 would stall on the stores that have just written the numbers.
template <uint32_t kCount, class Number>
inline bool is_strided(const Number *number) {
  typedef Number Vector __attribute__((vector_size(32)));
  constexpr uint32_t kWidth = sizeof(Vector) / sizeof(Number);
  static constexpr Number kSteps[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  const Number stride = number[1] - number[0];
  Vector steps, here, different = {};
  std::memcpy(&steps, kSteps, sizeof steps);
  Vector expected = steps * stride + number[0];
  for (uint32_t lane = 0; lane < kCount; lane += kWidth) {
    std::memcpy(&here, number + lane, sizeof here);
    different |= here ^ expected;
    expected += stride * kWidth;
  }
  Number any = 0;
  for (uint32_t i = 0; i < kWidth; ++i) any |= different[i];
  return any == 0;
}

// True when both half warps are strided alike: the rows of a block that is 16 threads wide.
template <class Number>
inline bool is_strided_by_halves(const Number *number) {
  constexpr uint32_t kHalf = kLanes / 2;
  const bool alike = number[1] - number[0] == number[kHalf + 1] - number[kHalf];
  return alike && is_strided<kHalf>(number) && is_strided<kHalf>(number + kHalf);
}

// Copies the numbers so that inactive lanes repeat an active one and add nothing of their own. `mask` is not 0.
template <class Number>
inline void spread_active(const Number *number, uint32_t mask, Number *all) {
  Number last = number[__builtin_ctz(mask)];
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    last = (mask >> lane & 1) ? number[lane] : last;
    all[lane] = last;
  }
}

// Sectors of 32 evenly spaced accesses; 0 when they may straddle with gaps in between, so that nothing simple holds.
inline uint32_t count_strided_sectors(const uint64_t *address, uint32_t bytes) {
  const int64_t step = int64_t(address[1] - address[0]);
  const uint64_t first = step >= 0 ? address[0] : address[kLanes - 1];
  const uint64_t last = step >= 0 ? address[kLanes - 1] : address[0];
  const uint64_t stride = uint64_t(step >= 0 ? step : -step);
  if (stride <= 32) return uint32_t(((last + bytes - 1) >> kSectorShift) - (first >> kSectorShift) + 1);
  const bool aligned = (bytes & (bytes - 1)) == 0 && ((first | stride) & (bytes - 1)) == 0;
  return aligned ? kLanes : 0;
}

// Sectors of two half warps that are strided alike, without gaps; 0 where there may be gaps.
inline uint32_t count_half_warp_sectors(const uint64_t *address, uint32_t bytes) {
  if (address[1] - address[0] > 32) return 0;           // a falling stride, too, is a huge unsigned number
  const uint64_t first = address[0] >> kSectorShift, other_first = address[16] >> kSectorShift;
  const uint64_t last = (address[15] + bytes - 1) >> kSectorShift;
  const uint64_t other_last = (address[31] + bytes - 1) >> kSectorShift;
  const uint64_t both_first = std::max(first, other_first), both_last = std::min(last, other_last);
  const uint64_t shared = both_last >= both_first ? both_last - both_first + 1 : 0;
  return uint32_t((last - first + 1) + (other_last - other_first + 1) - shared);
}

// The sector of each lane relative to lane 0's, in 32 bits so that twice as many fit a vector. False when one does not
// fit, or when an access straddles two sectors.
inline bool make_relative(const uint64_t *address, uint32_t bytes, int32_t *sector) {
  const uint64_t origin = address[0] >> kSectorShift;
  uint64_t straddles = 0, far = 0;
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    const uint64_t distance = (address[lane] >> kSectorShift) - origin + (uint64_t(1) << 30);
    straddles |= (address[lane] & 31) + bytes + 95;     // bit 7 is set when the sum is over 32
    far |= distance;
    sector[lane] = int32_t(uint32_t(distance));
  }
  return far >> 31 == 0 && !(straddles & 128);
}

// Changes of sector from lane to lane, plus one: that many are distinct when they only rise or only fall, else 0.
inline uint32_t count_monotone(const int32_t *sector) {
  int32_t changes = 0, falls = 0;
  for (uint32_t lane = 1; lane < kLanes; ++lane) {
    changes += sector[lane] != sector[lane - 1];
    falls += sector[lane] < sector[lane - 1];
  }
  return falls == 0 || falls == changes ? uint32_t(changes) + 1 : 0;
}

// Distinct sectors that all lie within 64 of each other, in any order; 0 when they do not.
inline uint32_t count_nearby(const int32_t *sector) {
  int32_t low = sector[0], high = sector[0];
  for (uint32_t lane = 1; lane < kLanes; ++lane) {
    low = std::min(low, sector[lane]);
    high = std::max(high, sector[lane]);
  }
  if (high - low >= 64) return 0;
  uint64_t touched = 0;
  for (uint32_t lane = 0; lane < kLanes; ++lane) touched |= uint64_t(1) << (sector[lane] - low);
  return uint32_t(__builtin_popcountll(touched));
}

}  // namespace detail

// Writes the distinct sectors (address / 32) that the active lanes touch to `sectors`, rising; returns how many.
inline uint32_t collect_sectors(const uint64_t *address, uint32_t mask, uint32_t bytes, uint64_t sectors[kMaxSectors]) {
  uint32_t n = 0;
  bool sorted = true;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    const uint64_t first = address[__builtin_ctz(rest)];
    const uint64_t last = (first + bytes - 1) >> kSectorShift;
    for (uint64_t sector = first >> kSectorShift; sector <= last; ++sector) {
      if (n && sectors[n - 1] == sector) continue;
      sorted &= n == 0 || sectors[n - 1] < sector;
      sectors[n++] = sector;
    }
  }
  if (sorted) return n;
  std::sort(sectors, sectors + n);
  return uint32_t(std::unique(sectors, sectors + n) - sectors);
}

// Distinct 32-byte sectors that the active lanes of one request touch. `address` has 32 entries, `bytes` is 1..16.
inline uint32_t count_sectors(const uint64_t *address, uint32_t mask, uint32_t bytes) {
  if (mask == 0) return 0;
  uint64_t spread[kLanes];
  const uint64_t *all = address;
  if (mask != kFullMask) {
    detail::spread_active(address, mask, spread);
    all = spread;
  } else if (detail::is_strided<kLanes>(address)) {
    if (const uint32_t n = detail::count_strided_sectors(address, bytes)) return n;
  } else if (detail::is_strided_by_halves(address)) {
    if (const uint32_t n = detail::count_half_warp_sectors(address, bytes)) return n;
  }
  int32_t relative[kLanes];
  if (detail::make_relative(all, bytes, relative)) {
    if (const uint32_t n = detail::count_nearby(relative)) return n;
    if (const uint32_t n = detail::count_monotone(relative)) return n;
  }
  uint64_t sectors[kMaxSectors];
  return collect_sectors(address, mask, bytes, sectors);
}

namespace detail {

// `kBanks` lanes are served together, as many as their units fit side by side in the 128 bytes of a wavefront; a unit
// is what one lane reads: a word, or 8 or 16 bytes. Serves them as the hardware does: in each round every bank gives
// one unit to all lanes that want it; the lanes that are left go on to the next round.
template <uint32_t kBanks>
inline uint32_t count_conflicts(const uint32_t *unit) {
  uint32_t waiting[kBanks], given[kBanks], rounds = 0;
  std::copy(unit, unit + kBanks, waiting);
  for (uint32_t left = kBanks, kept; left; left = kept, ++rounds) {
    for (uint32_t i = 0; i < left; ++i) given[waiting[i] % kBanks] = waiting[i];
    kept = 0;
    for (uint32_t i = 0; i < left; ++i) {
      const uint32_t wanted = waiting[i];
      waiting[kept] = wanted;
      kept += given[wanted % kBanks] != wanted;
    }
  }
  return rounds;
}

// Lanes of `lanes` on the fullest of `banks` banks, when they are `stride` units apart.
inline uint32_t count_strided_conflicts(uint32_t stride, uint32_t lanes, uint32_t banks) {
  if (stride == 0) return 1;
  const uint32_t common = (stride | banks) & (0 - (stride | banks));   // greatest common divisor with a power of two
  return std::max(1u, lanes * common / banks);
}

// Wavefronts of two half warps of words that are strided alike, in the cases that tiled kernels have; 0 in others.
inline uint32_t count_half_warp_wavefronts(const uint32_t *word) {
  const uint32_t stride = word[1] - word[0], apart = word[16] - word[0];
  if (apart == 0) return count_strided_conflicts(stride, kLanes / 2, kLanes);
  if (stride == 0) return apart % kLanes == 0 ? 2 : 1;
  // Two dense runs: where they overlap they want the same words; else they fit only side by side.
  if (stride == 1) return apart + 15 <= 30 || apart % kLanes == 16 ? 1 : 2;
  return 0;
}

template <uint32_t kBanks>
inline uint32_t count_unit_wavefronts(const uint32_t *unit, uint32_t mask) {
  if (mask == kFullMask && is_strided<kLanes>(unit)) {
    return kLanes / kBanks * count_strided_conflicts(unit[1] - unit[0], kBanks, kBanks);
  }
  if (kBanks == kLanes && mask == kFullMask && is_strided_by_halves(unit)) {
    if (const uint32_t n = count_half_warp_wavefronts(unit)) return n;
  }
  uint32_t spread[kLanes], wavefronts = 0;
  const uint32_t *group = unit;
  for (uint32_t first = 0; first < kLanes; first += kBanks, group = unit + first) {
    const uint32_t others = kFullMask >> (kLanes - kBanks) << first, active = mask & others;
    if (active == 0) continue;
    if (active != others) {
      spread_active(unit, active, spread);
      group = spread + first;
    }
    wavefronts += count_conflicts<kBanks>(group);
  }
  return wavefronts;
}

}  // namespace detail

// Shared memory wavefronts that one request needs. `address` has 32 entries, `bytes` is 1, 2, 4, 8 or 16.
inline uint32_t count_wavefronts(const uint32_t *address, uint32_t mask, uint32_t bytes) {
  if (mask == 0) return 0;
  const uint32_t shift = bytes <= 4 ? 2 : bytes == 8 ? 3 : 4;
  uint32_t unit[kLanes];
  for (uint32_t lane = 0; lane < kLanes; ++lane) unit[lane] = address[lane] >> shift;
  if (shift == 2) return detail::count_unit_wavefronts<32>(unit, mask);
  if (shift == 3) return detail::count_unit_wavefronts<16>(unit, mask);
  return detail::count_unit_wavefronts<8>(unit, mask);
}

// Wavefronts of an atomic update of 1 to 16 bytes a lane: lanes of one bank wait for each other also where they update
// the same word.
inline uint32_t count_update_wavefronts(const uint32_t *address, uint32_t mask, uint32_t bytes) {
  const uint32_t shift = bytes <= 4 ? 2 : bytes == 8 ? 3 : 4, banks = kLanes >> (shift - 2);
  uint32_t wavefronts = 0;
  for (uint32_t first = 0; first < kLanes; first += banks) {
    uint32_t waiting[kLanes] = {}, longest = 0;
    for (uint32_t lane = first; lane < first + banks; ++lane) {
      if (!(mask >> lane & 1)) continue;
      longest = std::max(longest, ++waiting[address[lane] >> shift & (banks - 1)]);
    }
    wavefronts += longest;
  }
  return wavefronts;
}

// Distinct addresses of the active lanes.
inline uint32_t count_addresses(const uint64_t *address, uint32_t mask) {
  uint64_t all[kLanes];
  uint32_t n = 0;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    const uint64_t at = address[__builtin_ctz(rest)];
    if (n == 0 || all[n - 1] != at) all[n++] = at;
  }
  std::sort(all, all + n);
  return uint32_t(std::unique(all, all + n) - all);
}

// As count_wavefronts, for a load of 8 or 16 bytes a lane, with the pairing of lanes: where lanes i and i ^ 1 agree for
// every i, or lanes i and i ^ 2 do, twice as many are served together (compute capability 7.0 on:
// https://forums.developer.nvidia.com/t/unexpected-shared-memory-bank-conflict/77228/2).
inline uint32_t count_paired_wavefronts(const uint32_t *address, uint32_t mask, uint32_t bytes) {
  uint32_t spread[kLanes], kept[kLanes] = {};
  for (uint32_t pair = 1; pair <= 2 && bytes >= 8 && mask; pair *= 2) {
    uint32_t differ = 0, kept_mask = 0, n = 0;
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      spread[lane] = (mask >> lane & 1) || !(mask >> (lane ^ pair) & 1) ? address[lane] : address[lane ^ pair];
    }
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      if (lane & pair) continue;
      const bool active = (mask >> lane | mask >> (lane ^ pair)) & 1;
      differ |= active ? spread[lane] ^ spread[lane ^ pair] : 0;
      kept_mask |= uint32_t(active) << n;
      kept[n++] = spread[lane];
    }
    if (!differ) return count_wavefronts(kept, kept_mask, bytes);
  }
  return count_wavefronts(address, mask, bytes);
}

}  // namespace vgpu
