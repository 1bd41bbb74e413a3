// Handlers of asynchronous copies. cp.async copies at once: a missing wait is not found here.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-cp-async
#include "access.h"
#include "claiming.h"
#include "table.h"

namespace vgpu {
namespace {

// Bytes each lane reads; the rest of its op->bytes is filled with zeros.
u32 source_bytes(const Warp &w, const Op *op, u32 lane) {
  if (op->c == kNone) return op->bytes;
  const u32 asked = lanes_at<u32>(w, op->c)[lane];
  return asked < op->bytes ? asked : op->bytes;
}

template <class W>
bool read_sources(Warp &w, const Op *op, Lanes64 &source) {
  const u32 all = w.mask;
  w.mask = all & lanes_where([&](u32 i) { return source_bytes(w, op, i) != 0; });
  bool good = true;
  if (w.mask) {
    Request request;
    good = prepare_request<Space::global>(w, op, source, op->bytes, false, request);
    if (good) W::global(w, op, Access::load, request);
  }
  w.mask = all;
  return good;
}

template <class W>
const Op *cp_async(Warp &w, const Op *op) {
  const s64 source_offset = s32(op->v[3]);
  if (!W::known_address(w, op, Space::shared, op->a, op->offset)) return nullptr;
  if (!W::known_address(w, op, Space::global, op->b, source_offset)) return nullptr;
  Lanes64 target, source;
  gather_addresses(w, op, target);
  const u64 *from = lanes_at<u64>(w, op->b);
  for (u32 i = 0; i < kWarpSize; ++i) source.at[i] = from[i] + u64(source_offset);
  Request request;
  if (!prepare_request<Space::shared>(w, op, target, op->bytes, true, request)) return nullptr;
  W::copied(w, op, request);
  if (!read_sources<W>(w, op, source)) return nullptr;
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 lane = first_lane(rest), bytes = source_bytes(w, op, lane);
    char *to = w.run->shared + target.at[lane];
    if (bytes) std::memcpy(to, w.run->bias + source.at[lane], bytes);
    std::memset(to + bytes, 0, op->bytes - bytes);
    W::copied_lane(w, target.at[lane], source.at[lane], bytes, op->bytes);
  }
  return op + 1;
}

const Op *nothing(Warp &, const Op *op) { return op + 1; }

template <class W>
void add_watched(Handler *row) {
  row[form_cp_async] = cp_async<W>;
}

}  // namespace

void add_async(HandlerTable &table) {
  add_watched<WatchNothing>(table[size_t(Watch::nothing)]);
  add_watched<WatchCounters>(table[size_t(Watch::counters)]);
  add_watched<WatchClaims>(table[size_t(Watch::claims)]);
  add_watched<WatchTiming>(table[size_t(Watch::timing)]);
  add_watched<WatchTracking>(table[size_t(Watch::tracking)]);
  set_all(table, form_cp_async_commit, nothing);
  set_all(table, form_cp_async_wait, nothing);
}

}  // namespace vgpu
