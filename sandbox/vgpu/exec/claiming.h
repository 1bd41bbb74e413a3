// Counts, and notes which words of global memory are read and written (memory/claims.h).
#pragma once

#include "observers.h"

namespace vgpu {

struct WatchClaims : WatchCounters {
  static constexpr Watch kind = Watch::claims;

  static void global(Warp &w, const Op *op, Access access, const Request &r) {
    WatchCounters::global(w, op, access, r);
    if (r.pattern == Pattern::uniform) return note(*w.run, access, r.address[0], r.bytes);
    if (r.pattern == Pattern::strided) return note(*w.run, access, r.address[0], kWarpSize * r.bytes);
    for (u32 rest = r.mask; rest; rest &= rest - 1) note(*w.run, access, r.address[first_lane(rest)], r.bytes);
  }

 private:
  static ClaimPage &page_at(Run &run, u64 page) {
    ClaimPage *found = run.claims[page];
    return found ? *found : *run.claim_call(run, page);
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
