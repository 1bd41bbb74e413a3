// Counts, and notes which words of global memory are read and written (memory/claims.h).
#pragma once

#include "rows.h"

namespace vgpu {

struct WatchClaims : WatchCounters {
  static constexpr Watch kind = Watch::claims;

  static void global(Warp &w, const Op *op, Access access, const Request &r) {
    WatchCounters::global(w, op, access, r);
    Run &run = *w.run;
    if (r.pattern == Pattern::uniform) return note(run, access, r.address[0], r.bytes);
    if (r.pattern == Pattern::strided) return note(run, access, r.address[0], kWarpSize * r.bytes);
    if (access == Access::load && only_read(run, r)) return;
    if (r.bytes <= 4) return note_words(run, access, r);
    for (u32 rest = r.mask; rest; rest &= rest - 1) note(run, access, r.address[first_lane(rest)], r.bytes);
  }

  static void claim_rows(Run &run, Access access, const Rows &rows, u32 bytes) {
    claim_row(run, access, rows.first, rows.step, bytes);
    if (!rows.is_same_row()) claim_row(run, access, rows.second, rows.step, bytes);
  }

 private:
  static void claim_row(Run &run, Access access, u64 first, u64 step, u32 bytes) {
    if (step == 0) return note(run, access, first, bytes);
    if (step == bytes) return note(run, access, first, kRow * bytes);
    for (u32 i = 0; i < kRow; ++i) note(run, access, first + i * step, bytes);
  }

  static ClaimPage &page_at(Run &run, u64 page) {
    ClaimPage *found = run.claims[page];
    return found ? *found : *run.claim_call(run, page);
  }

  // Whether all lanes read one allocation that nobody is known to write; that it was read is then all that is noted.
  static bool only_read(Run &run, const Request &r) {
    u64 low = r.address[0], high = r.address[0];
    for (u32 i = 1; i < kWarpSize; ++i) {
      low = r.address[i] < low ? r.address[i] : low;
      high = r.address[i] > high ? r.address[i] : high;
    }
    u32 index = 0;
    while (index < run.extent_count && run.extents[index].high <= low) ++index;
    if (index == run.extent_count || high + r.bytes > run.extents[index].high) return false;
    if (run.extent_claims[index] & kExtentWritten) return false;
    run.extent_claims[index] |= kExtentRead;
    return true;
  }

  static void note_words(Run &run, Access access, const Request &r) {
    for (u32 rest = r.mask; rest; rest &= rest - 1) {
      const u64 word = (r.address[first_lane(rest)] - kGlobalBase) >> 2;
      ClaimPage &page = page_at(run, word / (kClaimPage / 4));
      const u64 bit = u64(1) << (word % 64);
      (access == Access::load ? page.reads : page.writes)[word % (kClaimPage / 4) / 64] |= bit;
    }
  }

  // [address, address + bytes), page by page, 64 words at a time.
  static void note(Run &run, Access access, u64 address, u32 bytes) {
    u64 word = (address - kGlobalBase) >> 2;
    const u64 last = (address - kGlobalBase + bytes - 1) >> 2;
    while (word <= last) {
      ClaimPage &page = page_at(run, word / (kClaimPage / 4));
      const u32 cell = u32(word % (kClaimPage / 4)) / 64, first = u32(word % 64);
      const u64 count = last - word + 1 < 64 - first ? last - word + 1 : 64 - first;
      const u64 bits = (count == 64 ? ~u64(0) : (u64(1) << count) - 1) << first;
      if (access != Access::store) page.reads[cell] |= bits;
      if (access != Access::load) page.writes[cell] |= bits;
      word += count;
    }
  }
};

}  // namespace vgpu
