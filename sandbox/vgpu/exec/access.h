// The way of one memory request: addresses of the lanes, alignment, bounds, shape; then the bytes themselves.
#pragma once

#include "going_on.h"
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

// The one of `count` extents, sorted by address, that holds the access; null: none.
inline const Extent *find_extent(const Extent *extents, u32 count, u64 address, u32 bytes) {
  u32 low = 0, high = count;
  while (low < high) {
    const u32 middle = (low + high) / 2;
    if (extents[middle].low <= address) low = middle + 1;
    else high = middle;
  }
  if (low == 0) return nullptr;
  const Extent &found = extents[low - 1];
  return address + bytes <= found.high && address + bytes >= address ? &found : nullptr;
}
inline const Extent *extent_at(const Run &run, u64 address, u32 bytes) {
  return find_extent(run.extents, run.extent_count, address, bytes);
}
inline const Extent *shared_extent_at(const Run &run, u64 address, u32 bytes) {
  return find_extent(run.shared_extents, run.shared_extent_count, address, bytes);
}

// `lanes`: all that it is true of, where there are several.
inline bool fault(Warp &w, const Op *op, FaultKind kind, Space space, u32 lane, u64 address, u32 bytes, u32 lanes = 0) {
  Stop &stop = w.run->stop;
  stop = Stop();
  stop.stopped = true;
  stop.kind = kind;
  stop.op = op;
  stop.warp = w.id, stop.lane = lane;
  stop.space = space;
  stop.address = address;
  stop.bytes = bytes;
  stop.lanes = lanes;
  return false;
}

template <Space S>
inline u32 lanes_outside(const Warp &w, const Lanes64 &address, u32 bytes) {
  return w.mask & lanes_where([&](u32 i) {
    return !(S == Space::shared ? shared_extent_at(*w.run, address.at[i], bytes)
                                : extent_at(*w.run, address.at[i], bytes));
  });
}

// The allocation that the operation met last does not hold every lane: look for the one that does, then at each lane.
// The shared part of a generic access does not note what it met: the number would be taken for a global address.
template <Space S>
inline bool check_extents(Warp &w, const Op *op, const Lanes64 &address, u32 bytes, bool writes) {
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 lane = first_lane(rest);
    const u64 at = address.at[lane];
    const Extent *found = S == Space::shared ? shared_extent_at(*w.run, at, bytes) : extent_at(*w.run, at, bytes);
    if (!found) {
      return fault(w, op, FaultKind::out_of_bounds, S, lane, at, bytes, lanes_outside<S>(w, address, bytes));
    }
    if (writes && !found->writable) return fault(w, op, FaultKind::write_to_constant, Space::constant, lane, at, bytes);
    const u64 low = found->low, size = found->high - found->low;
    if (S != Space::shared || !w.splits) {
      OpCounts &memory = counts_of(w, op);
      memory.low = low;
      memory.size = size;
    }
    if (!(shape_of(address, bytes, low, size).outside >> 63)) return true;
  }
  return true;
}

inline bool check_local(Warp &w, const Op *op, const Lanes64 &address, u32 bytes, u64 size) {
  const u32 outside = w.mask & lanes_where([&](u32 i) {
    return address.at[i] + bytes > size || address.at[i] + bytes < address.at[i];
  });
  if (!outside) return true;
  w.run->local_in_use = size;
  const u32 lane = first_lane(outside);
  return fault(w, op, FaultKind::out_of_bounds, Space::local, lane, address.at[lane], bytes, outside);
}

inline bool misaligned(Warp &w, const Op *op, Space space, const Lanes64 &address, u32 bytes) {
  const u32 lanes = w.mask & lanes_where([&](u32 i) { return (address.at[i] & (bytes - 1)) != 0; });
  return fault(w, op, FaultKind::misaligned, space, first_lane(lanes), address.at[first_lane(lanes)], bytes, lanes);
}

// Fills inactive lanes, checks alignment and bounds, finds the pattern. False: a fault was recorded.
template <Space S>
inline bool prepare_request(Warp &w, const Op *op, Lanes64 &address, u32 bytes, bool writes, Request &request) {
  if (w.mask != kAllLanes) fill_inactive(address, w.mask);
  constexpr bool local = S == Space::local;
  const OpCounts &memory = counts_of(w, op);
  const u64 size = local ? w.local_end : memory.size;
  const Shape shape = shape_of(address, bytes, local ? 0 : memory.low, size);
  const bool together = S != Space::shared && !local && !(shape.outside >> 63);
  request = {address.at, w.mask, bytes, pattern_of(shape, w.mask), together};
  if (shape.low_bits & (bytes - 1)) return misaligned(w, op, S, address, bytes);
  if (!(shape.outside >> 63)) return true;
  return local ? check_local(w, op, address, bytes, size) : check_extents<S>(w, op, address, bytes, writes);
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
  w.splits = true;
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
    while (!next && survive(w)) next = w.mask ? part(each.space, moved) : op + 1;
  }
  w.mask = all;
  w.splits = false;
  if (w.lost && next) settle_lost(w, op);
  return next;
}

}  // namespace vgpu
