// The way of one memory request: addresses of the lanes, alignment, bounds, shape; then the bytes themselves.
#pragma once

#include "tracking.h"

namespace vgpu {

struct Lanes64 { alignas(64) u64 at[kWarpSize]; };

// The address operand of every lane: register a plus the immediate offset.
inline void gather_addresses(const Warp &w, const Op *op, Lanes64 &address) {
  if (op->flags & kAddress32) {
    const u32 *a = lanes_at<u32>(w, op->a);
    for (u32 i = 0; i < kWarpSize; ++i) address.at[i] = u32(a[i] + u32(op->offset));
  } else {
    const u64 *a = lanes_at<u64>(w, op->a);
    for (u32 i = 0; i < kWarpSize; ++i) address.at[i] = a[i] + u64(op->offset);
  }
}

// Inactive lanes repeat the first active one, so that later loops need no mask.
inline void fill_inactive(Lanes64 &address, u32 mask) {
  const u64 first = address.at[first_lane(mask)];
  for (u32 i = 0; i < kWarpSize; ++i) address.at[i] = in_mask(mask, i) ? address.at[i] : first;
}

// What one pass over the 32 addresses tells. Only additions and bit operations, so that every build makes vectors of
// it.
struct Shape {
  u64 low_bits = 0;         // of any address: alignment
  u64 differ = 0;           // 0: all lanes agree
  u64 gaps = 0;             // 0: lanes follow each other, `bytes` apart
  u64 outside = 0;          // top bit clear: every access lies in [low, low + size)
};
inline Shape shape_of(const Lanes64 &address, u32 bytes, u64 low, u64 size) {
  typedef u64 Four __attribute__((vector_size(32)));
  const u64 first = address.at[0], limit = size >= bytes ? size - bytes : ~u64(0);
  const Four step = Four{} + 4 * u64(bytes);
  Four expected = Four{0, bytes, 2 * u64(bytes), 3 * u64(bytes)} + first;
  Four low_bits{}, differ{}, gaps{}, outside = Four{} + (size >= bytes ? 0 : ~u64(0));
  for (u32 i = 0; i < kWarpSize; i += 4) {
    Four here;
    std::memcpy(&here, address.at + i, sizeof here);
    const Four offset = here - low;
    low_bits |= here;
    differ |= here ^ first;
    gaps |= here ^ expected;
    outside |= offset | (limit - offset);    // offset <= limit < 2^63, or one of the two has its top bit set
    expected += step;
  }
  const auto any = [](const Four &x) { return x[0] | x[1] | x[2] | x[3]; };
  return {any(low_bits), any(differ), any(gaps), any(outside)};
}
inline Pattern pattern_of(const Shape &shape, u32 mask) {
  if (shape.differ == 0) return Pattern::uniform;
  return shape.gaps == 0 && mask == kAllLanes ? Pattern::strided : Pattern::scattered;
}

inline const Extent *extent_at(const Run &run, u64 address, u32 bytes) {
  u32 low = 0, high = run.extent_count;
  while (low < high) {
    const u32 middle = (low + high) / 2;
    if (run.extents[middle].low <= address) low = middle + 1;
    else high = middle;
  }
  if (low == 0) return nullptr;
  const Extent &found = run.extents[low - 1];
  return address + bytes <= found.high && address + bytes >= address ? &found : nullptr;
}

inline bool fault(Warp &w, const Op *op, FaultKind kind, Space space, u32 lane, u64 address, u32 bytes) {
  w.run->stop = {true, kind, op, w.id, lane, space, address, bytes, ""};
  return false;
}

// The allocation that the operation met last does not hold every lane: look for the one that does, then at each lane.
inline bool check_extents(Warp &w, const Op *op, const Lanes64 &address, u32 bytes, bool writes) {
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 lane = first_lane(rest);
    const Extent *found = extent_at(*w.run, address.at[lane], bytes);
    if (!found) return fault(w, op, FaultKind::out_of_bounds, Space::global, lane, address.at[lane], bytes);
    if (writes && !found->writable) {
      return fault(w, op, FaultKind::write_to_constant, Space::constant, lane, address.at[lane], bytes);
    }
    OpCounts &memory = counts_of(w, op);
    memory.low = found->low;
    memory.size = found->high - found->low;
    if (!(shape_of(address, bytes, memory.low, memory.size).outside >> 63)) return true;
  }
  return true;
}

inline bool check_window(Warp &w, const Op *op, Space space, const Lanes64 &address, u32 bytes, u64 size) {
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u64 at = address.at[first_lane(rest)];
    if (at + bytes > size || at + bytes < at)
      return fault(w, op, FaultKind::out_of_bounds, space, first_lane(rest), at, bytes);
  }
  return true;
}

inline bool misaligned(Warp &w, const Op *op, Space space, const Lanes64 &address, u32 bytes) {
  u32 lane = 0;
  while (!in_mask(w.mask, lane) || !(address.at[lane] & (bytes - 1))) ++lane;
  return fault(w, op, FaultKind::misaligned, space, lane, address.at[lane], bytes);
}

// Fills inactive lanes, checks alignment and bounds, finds the pattern. False: a fault was recorded.
template <Space S>
inline bool prepare_request(Warp &w, const Op *op, Lanes64 &address, u32 bytes, bool writes, Request &request) {
  if (w.mask != kAllLanes) fill_inactive(address, w.mask);
  const bool windowed = S == Space::shared || S == Space::local;
  const OpCounts &memory = counts_of(w, op);
  const u64 size = !windowed ? memory.size : S == Space::shared ? w.run->shared_bytes : w.run->local_stride;
  const Shape shape = shape_of(address, bytes, windowed ? 0 : memory.low, size);
  request = {address.at, w.mask, bytes, pattern_of(shape, w.mask), !windowed && !(shape.outside >> 63)};
  if (shape.low_bits & (bytes - 1)) return misaligned(w, op, S, address, bytes);
  if (!(shape.outside >> 63)) return true;
  return windowed ? check_window(w, op, S, address, bytes, size) : check_extents(w, op, address, bytes, writes);
}

// Host address of space address 0, after which `address` holds host offsets (local memory is per thread).
template <Space S>
inline char *host_base(const Warp &w, Lanes64 &address) {
  if (S == Space::shared) return w.run->shared;
  if (S != Space::local) return w.run->bias;
  for (u32 i = 0; i < kWarpSize; ++i) address.at[i] += u64(w.first_thread + i) * w.run->local_stride;
  return w.run->local;
}

template <class W, Space S>
inline void state_access(Warp &w, const Op *op, Access access, const Request &request) {
  if (S == Space::global) W::global(w, op, access, request);
  if (S == Space::shared) W::shared(w, op, access, request);
  if (S == Space::local) W::local(w, op, access, request);
}

// A generic address per lane: runs `part` once for each state space in use, with the lanes and addresses of that space.
template <class Part>
inline const Op *split_by_space(Warp &w, const Op *op, const Lanes64 &address, Part part) {
  const u32 all = w.mask;
  const u32 shared = all & lanes_where([&](u32 i) { return address.at[i] - kSharedWindow < kWindowBytes; });
  const u32 local = all & lanes_where([&](u32 i) { return address.at[i] - kLocalWindow < kWindowBytes; });
  const Op *next = op + 1;
  const struct { u32 mask; u64 base; Space space;
  } parts[] = {{all & ~shared & ~local, 0, Space::global},
               {shared, kSharedWindow, Space::shared},
               {local, kLocalWindow, Space::local}};
  for (const auto &each : parts) {
    if (!each.mask || !next) continue;
    Lanes64 moved;
    for (u32 i = 0; i < kWarpSize; ++i) moved.at[i] = address.at[i] - each.base;
    w.mask = each.mask;
    next = part(each.space, moved);
  }
  w.mask = all;
  return next;
}

}  // namespace vgpu
