// Handlers of cp.async: copies are checked and counted when they are issued, and carried out when their thread waits
// for them (or somebody tests a barrier that they signal). Until then the destination keeps what it held.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-asynchronous-copy
//
// The source is read when the copy is carried out, so a source that is overwritten in between shows too.
#include "every_watch.h"
#include "landing.h"

namespace vgpu {
namespace {

// --- cp.async --------------------------------------------------------------------------------------------------------

// How many bytes each lane reads: all, or src-size, or none where ignore-src holds. False: a fault was recorded.
bool find_source_bytes(Warp &w, const Op *op, PendingCopy &copy) {
  copy.partial = 0;
  if (op->c == kNone) return true;
  const bool ignores = op->form == form_cp_async_ignore_src;
  const u32 ignored = ignores ? predicate_at(w, op->c) ^ (op->flags & kNegate ? kAllLanes : 0) : 0;
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 lane = first_lane(rest);
    const u32 read = !ignores ? lanes_at<u32>(w, op->c)[lane] : in_mask(ignored, lane) ? 0 : op->bytes;
    if (read > op->bytes) {
      stop_at(w, op, FaultKind::trap, lane, "the source of an asynchronous copy is larger than the copy");
      return false;
    }
    copy.read[lane] = uint8_t(read);
    copy.partial |= u32(read < op->bytes) << lane;
  }
  return true;
}

// As prepare_request, where a lane may read less than a whole element.
bool prepare_partial(Warp &w, const Op *op, Lanes64 &source, const PendingCopy &copy, Request &request) {
  fill_inactive(source, w.mask);
  request = {source.at, w.mask, op->bytes, Pattern::scattered};
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 lane = first_lane(rest), read = in_mask(copy.partial, lane) ? copy.read[lane] : op->bytes;
    const u64 at = source.at[lane];
    if (at & (op->bytes - 1)) return fault(w, op, FaultKind::misaligned, Space::global, lane, at, op->bytes);
    if (!extent_at(*w.run, at, read)) return fault(w, op, FaultKind::out_of_bounds, Space::global, lane, at, read);
  }
  return true;
}

template <class W>
bool request_sources(Warp &w, const Op *op, Lanes64 &source, const PendingCopy &copy) {
  const u32 all = w.mask;
  w.mask = all & ~(copy.partial & lanes_where([&](u32 i) { return copy.read[i] == 0; }));
  bool good = true;
  if (w.mask) {
    Request request;
    good = w.mask & copy.partial ? prepare_partial(w, op, source, copy, request)
                                 : prepare_request<Space::global>(w, op, source, op->bytes, false, request);
    if (good) W::global(w, op, Access::load, request);
  }
  w.mask = all;
  return good;
}

template <class W>
PendingCopy &new_copy(Warp &w) {
  w.async->used = true;
  PendingCopies &copies = w.async->warps[w.id];
  if (copies.full()) land_due<W>(w, copies, copies.first() + 1, [](const PendingCopy &) { return kAllLanes; });
  PendingCopy &copy = copies.push();
  copy.mask = 0;                   // until it is known to be good
  std::memcpy(copy.group, copies.committed, sizeof copy.group);
  return copy;
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
  PendingCopy &copy = new_copy<W>(w);
  Request request;
  if (!find_source_bytes(w, op, copy)) return nullptr;
  w.splits = true;                 // what the operation met last is in global memory
  const bool good = prepare_request<Space::shared>(w, op, target, op->bytes, true, request);
  w.splits = false;
  if (!good) return nullptr;
  W::copied(w, op, request);
  if (!request_sources<W>(w, op, source, copy)) return nullptr;
  // From here the copy is good.
  for (u32 i = 0; i < kWarpSize; ++i) copy.target[i] = u32(target.at[i]);
  std::memcpy(copy.source, source.at, sizeof copy.source);
  copy.bytes = op->bytes;
  copy.mask = w.mask;
  copy.arrival = issue_cycle<W>(w, op) + w.run->latency;
  if constexpr (W::kind == Watch::races) W::copy(w, op, target.at, source.at, w.mask, w.mask & ~copy.partial);
  return op + 1;
}

// --- groups ----------------------------------------------------------------------------------------------------------

const Op *commit_group(Warp &w, const Op *op) {
  w.async->used = true;
  u32 *committed = w.async->warps[w.id].committed;
  for (u32 i = 0; i < kWarpSize; ++i) committed[i] += in_mask(w.mask, i);
  return op + 1;
}

// Waits until at most the last b groups of each thread are pending.
template <class W>
const Op *wait_group(Warp &w, const Op *op) {
  PendingCopies &copies = w.async->warps[w.id];
  const u32 *may_wait = lanes_at<u32>(w, op->b);
  u32 end[kWarpSize];              // groups before this one are waited for
  for (u32 i = 0; i < kWarpSize; ++i) {
    end[i] = in_mask(w.mask, i) && copies.committed[i] > may_wait[i] ? copies.committed[i] - may_wait[i] : 0;
  }
  const auto due = [&](const PendingCopy &copy) { return lanes_where([&](u32 i) { return copy.group[i] < end[i]; }); };
  hold_until<W>(w, land_due<W>(w, copies, copies.end(), due));
  return op + 1;
}

template <class W>
const Op *wait_all(Warp &w, const Op *op) {
  PendingCopies &copies = w.async->warps[w.id];
  hold_until<W>(w, land_due<W>(w, copies, copies.end(), [&](const PendingCopy &) { return w.mask; }));
  return op + 1;
}

template <class W>
void add_watched(Handler *row) {
  row[form_cp_async] = cp_async<W>;
  row[form_cp_async_ignore_src] = cp_async<W>;
  row[form_cp_async_wait_group] = wait_group<W>;
  row[form_cp_async_wait_all] = wait_all<W>;
}

}  // namespace

void add_async(HandlerTable &table) {
  for_every_watch(table, [](auto watch, Handler *row) { add_watched<decltype(watch)>(row); });
  set_all(table, form_cp_async_commit, commit_group);
}

}  // namespace vgpu
