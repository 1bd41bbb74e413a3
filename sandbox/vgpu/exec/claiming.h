// Counts, and notes which words of global memory are read and written (memory/claims.h).
#pragma once

#include "claim_notes.h"
#include "rows.h"

namespace vgpu {

struct WatchClaims : WatchCounters {
  static constexpr Watch kind = Watch::claims;

  static void global(Warp &w, const Op *op, Access access, const Request &r) {
    WatchCounters::global(w, op, access, r);
    const Run &run = *w.run;
    if (access == Access::load && r.together && is_only_read(w, op)) return;
    if (r.pattern == Pattern::uniform) return note_element(run, access, r.address[0], r.bytes);
    if (r.pattern == Pattern::strided) return note_stretch(run, access, r.address[0], kWarpSize * r.bytes);
    for (u32 rest = r.mask; rest; rest &= rest - 1) note_element(run, access, r.address[first_lane(rest)], r.bytes);
  }

  // Rows that lie in the allocation that the operation met last.
  static void claim_rows(Warp &w, const Op *op, Access access, const Rows &rows, u32 bytes) {
    if (access == Access::load && is_only_read(w, op)) return;
    open_box(w, op, access, rows, bytes);
  }

  static void prefetch_claims(const Run &run, u64 address) {
    __builtin_prefetch(run.claims + (address - kGlobalBase) / kClaimPage, 1);
  }

 private:
  // Where the next warp, the next turn of a loop or the next operation of an unrolled one goes on beside these rows, a
  // box grows; it is noted when another takes its place.
  static void open_box(Warp &w, const Op *op, Access access, const Rows &rows, u32 bytes) {
    const Run &run = *w.run;
    const ClaimBox box = box_of(rows, access, bytes);
    if (box.stretches == 0) return note_rows(run, access, rows, bytes);
    const u32 own = u32(op - run.ops);
    u32 &recent = w.run->recent_box[access == Access::store], &used = run.claim_boxes[own].used;
    if (extend(run.claim_boxes[used], box)) return;
    if (extend(run.claim_boxes[recent], box)) {
      used = recent;
      return;
    }
    note_box(run, run.claim_boxes[own]);
    run.claim_boxes[own] = box;
    used = recent = own;
  }

  static bool extend(ClaimBox &open, const ClaimBox &box) {
    if (open.first + open.bytes != box.first || open.stretches != box.stretches || open.step != box.step) return false;
    if (open.access != box.access) return false;
    open.bytes += box.bytes;
    return true;
  }

  // No stretches: the rows are not a box.
  static ClaimBox box_of(const Rows &rows, Access access, u32 bytes) {
    if (rows.step == bytes) {
      if (rows.is_one_row()) return {rows.first, 0, kWarpSize * bytes, 1, access, 0};
      return {rows.first, rows.second - rows.first, kRow * bytes, 2, access, 0};
    }
    if (rows.is_one_row()) return {rows.first, rows.step, bytes, rows.step ? kWarpSize : 1, access, 0};
    return {};
  }

  static void note_rows(const Run &run, Access access, const Rows &rows, u32 bytes) {
    for (u32 i = 0; i < kRow; ++i) note_element(run, access, rows.first + i * rows.step, bytes);
    for (u32 i = 0; i < kRow; ++i) note_element(run, access, rows.second + i * rows.step, bytes);
  }

  // Whether the allocation that the operation met last is one that the kernel does not seem to write; that it was read
  // is then all that is noted, once.
  static bool is_only_read(Warp &w, const Op *op) {
    const u64 low = counts_of(w, op).low;
    const u64 known = w.run->read_alone[op - w.run->ops];
    return known == low || (known != ~low && find_out_whether_only_read(*w.run, op, low));
  }

  static bool find_out_whether_only_read(Run &run, const Op *op, u64 low) {
    uint8_t &claim = run.extent_claims[extent_at(run, low, 1) - run.extents];
    const bool written = claim & kExtentWritten;
    if (!written) claim |= kExtentRead;
    run.read_alone[op - run.ops] = written ? ~low : low;
    return !written;
  }
};

}  // namespace vgpu
