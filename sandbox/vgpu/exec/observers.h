// What watches a launch. The interpreter states facts (this warp loaded from these addresses); a Watch decides what
// becomes of them. Each is a set of empty or small static functions, so that what is switched off costs nothing.
#pragma once

#include "../observe/coalesce.h"
#include "lanes.h"

namespace vgpu {

// How the 32 addresses of a request lie. `strided` lanes follow each other without gaps, `uniform` lanes agree.
enum class Pattern : uint8_t { strided, uniform, scattered };

struct Request {
  const u64 *address;       // of each lane in its space; inactive lanes repeat an active one
  u32 mask;
  u32 bytes;                // of one lane
  Pattern pattern;
  bool together = false;    // known to lie in the allocation that the operation met last
};

struct WatchNothing {
  static constexpr Watch kind = Watch::nothing;
  static void global(Warp &, const Op *, Access, const Request &) {}
  static void shared(Warp &, const Op *, Access, const Request &) {}
  static void local(Warp &, const Op *, Access, const Request &) {}
  static void merged(Warp &, const Op *, Access, const Request &) {}              // a load or store of shared memory
  static bool known_address(Warp &, const Op *, Space, u32, s64) { return true; }
  static void loaded(Warp &, const Op *, Space, const Request &) {}
  static void stored(Warp &, const Op *, Space, const Request &) {}
  static void updated(Warp &, const Op *, Space, const Request &, u32, u32, bool) {}
  static void copied(Warp &, const Op *, const Request &) {}                      // to shared memory, asynchronously
  static void copied_lane(Warp &, u64, u64, u32, u32) {}
  static void sent(Warp &, const Op *, u32, u64, u32, u64) {}                     // from shared memory, asynchronously
};

inline OpCounts &counts_of(Warp &w, const Op *op) { return w.run->counts[op - w.run->ops]; }

// Of a plain load or store of shared memory.
inline bool leads_group(const Op *op) { return op->kind > kServedByLeader; }

inline u32 sectors_of(const Request &r) {
  if (r.pattern == Pattern::uniform) return u32(((r.address[0] + r.bytes - 1) >> 5) - (r.address[0] >> 5) + 1);
  if (r.pattern == Pattern::strided) {
    return u32(((r.address[31] + r.bytes - 1) >> 5) - (r.address[0] >> 5) + 1);
  }
  return count_sectors(r.address, r.mask, r.bytes);
}

inline u32 wavefronts_of(const Request &r) {
  if (r.pattern == Pattern::uniform && r.bytes <= 4) return 1;
  if (r.pattern == Pattern::strided && r.bytes >= 4) return r.bytes / 4;
  u32 narrow[kWarpSize];
  for (u32 i = 0; i < kWarpSize; ++i) narrow[i] = u32(r.address[i]);
  return count_wavefronts(narrow, r.mask, r.bytes);
}

// Tells the tally which addresses the lanes of an atomic update.
inline void tally_updates(Warp &w, const Request &r) {
  Run &run = *w.run;
  if (r.pattern == Pattern::uniform) return run.tally_call(run, r.address[0], count_lanes(r.mask));
  for (u32 rest = r.mask; rest; rest &= rest - 1) run.tally_call(run, r.address[first_lane(rest)], 1);
}

struct WatchCounters : WatchNothing {
  static constexpr Watch kind = Watch::counters;
  static void global(Warp &w, const Op *op, Access access, const Request &r) {
    OpCounts &counts = counts_of(w, op);
    counts.requests += 1;
    counts.pieces += sectors_of(r);
    if (access == Access::atomic) tally_updates(w, r);
  }
  static void shared(Warp &w, const Op *op, Access, const Request &r) {
    OpCounts &counts = counts_of(w, op);
    counts.requests += 1;
    counts.pieces += wavefronts_of(r);
  }
  // The request as the assembler widens it, counted once for its group.
  static void merged(Warp &w, const Op *op, Access access, const Request &r) {
    if (!leads_group(op)) return;
    u32 address[kWarpSize];
    for (u32 i = 0; i < kWarpSize; ++i) address[i] = u32(r.address[i]) + op->c;
    counts_of(w, op).wavefronts += access == Access::load ? count_paired_wavefronts(address, r.mask, op->kind)
                                                          : count_wavefronts(address, r.mask, op->kind);
  }
  static void copied(Warp &w, const Op *op, const Request &r) { counts_of(w, op).wavefronts += wavefronts_of(r); }
  // Local memory is interleaved, so that lanes at one offset are neighbours (4-byte words of 32 threads in a row).
  static void interleave(const Warp &w, const Request &r, u64 *address) {
    const u64 warp_start = u64(w.id) * (w.run->local_stride * kWarpSize);
    for (u32 i = 0; i < kWarpSize; ++i) {
      address[i] = warp_start + (r.address[i] >> 2) * (4 * kWarpSize) + i * 4 + (r.address[i] & 3);
    }
  }
  static void local(Warp &w, const Op *op, Access, const Request &r) {
    u64 address[kWarpSize];
    interleave(w, r, address);
    OpCounts &counts = counts_of(w, op);
    counts.requests += 1;
    counts.pieces += count_sectors(address, r.mask, r.bytes < 4 ? r.bytes : 4) * (r.bytes < 4 ? 1 : r.bytes / 4);
  }
};

// Counters, the cache model and the latency of each access for the scoreboard.
struct WatchTiming : WatchCounters {
  static constexpr Watch kind = Watch::timing;
  static void global(Warp &w, const Op *op, Access access, const Request &r) {
    WatchCounters::global(w, op, access, r);
    w.run->latency = w.run->cache_call(*w.run, access, r.address, r.mask, r.bytes);
  }
};

}  // namespace vgpu
