// What watches a launch. The interpreter states facts (this warp loaded from these addresses); a Watch decides what
// becomes of them. Each is a set of empty or small static functions, so that what is switched off costs nothing.
#pragma once

#include "../observe/coalesce.h"
#include "../observe/scoreboard.h"
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

// How the assembler makes an update of shared memory: one instruction, one for all lanes where they agree on the word
// (redux), or a loop of loads and compare-and-swaps, once for each lane that updates the same word.
enum class Update : uint8_t { single, combined, loop };

struct WatchNothing {
  static constexpr Watch kind = Watch::nothing;
  static void global(Warp &, const Op *, Access, const Request &) {}
  static void shared(Warp &, const Op *, Access, const Request &) {}
  static void local(Warp &, const Op *, Access, const Request &) {}
  static void merged(Warp &, const Op *, Access, const Request &) {}              // a load or store of shared memory
  // An update of shared memory, already told as an access: the lanes that wait for each other.
  static void contended(Warp &, const Op *, const Request &, Update) {}
  static void constant(Warp &, const Op *, const Request &) {}                    // a load of constant memory
  static bool known_address(Warp &, const Op *, Space, u32, s64) { return true; }
  static void loaded(Warp &, const Op *, Space, const Request &) {}
  static void stored(Warp &, const Op *, Space, const Request &) {}
  static void updated(Warp &, const Op *, Space, const Request &, u32, u32, bool) {}
  static void copied(Warp &, const Op *, const Request &) {}                      // to shared memory, asynchronously
  static void copied_lane(Warp &, u64, u64, u32, u32) {}
  static void sent(Warp &, const Op *, u32, u64, u32, u64) {}                     // from shared memory, asynchronously
};

inline OpCounts &counts_of(Warp &w, const Op *op) { return w.run->counts[op - w.run->ops]; }

// A plain load or store of shared memory that is part of a group: the group's access counts, once.
inline bool may_merge(const Op *op) {
  const bool plain = (op->form >= form_ld_shared_b8 && op->form <= form_ld_shared_b64) ||
                     (op->form >= form_st_shared_b8 && op->form <= form_st_shared_b64);
  return plain && op->kind != kAlone;
}

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
    (w.splits ? counts.executed : counts.requests) += 1;
    (w.splits ? counts.wavefronts : counts.pieces) += wavefronts_of(r);
  }
  static u32 waits_of(const Request &r, Update update) {
    if (update == Update::combined && r.pattern == Pattern::uniform) return 0;
    u32 narrow[kWarpSize];
    for (u32 i = 0; i < kWarpSize; ++i) narrow[i] = u32(r.address[i]);
    return (update == Update::loop ? 2 : 1) * count_update_wavefronts(narrow, r.mask, r.bytes) - wavefronts_of(r);
  }
  static void contended(Warp &w, const Op *op, const Request &r, Update update) {
    OpCounts &counts = counts_of(w, op);
    (w.splits ? counts.wavefronts : counts.pieces) += waits_of(r, update);
  }
  // An address that all lanes want is an operand like a register; each other one is served after it.
  static void constant(Warp &w, const Op *op, const Request &r) {
    counts_of(w, op).wavefronts += r.pattern == Pattern::uniform ? 0 : count_addresses(r.address, r.mask) - 1;
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
    (w.splits ? counts.divergent : counts.pieces) +=
        count_sectors(address, r.mask, r.bytes < 4 ? r.bytes : 4) * (r.bytes < 4 ? 1 : r.bytes / 4);
  }
};

// Counters, the cache model and the latency of each access for the scoreboard.
struct WatchTiming : WatchCounters {
  static constexpr Watch kind = Watch::timing;
  static void global(Warp &w, const Op *op, Access access, const Request &r) {
    WatchCounters::global(w, op, access, r);
    w.run->latency = w.run->cache_call(*w.run, access, r.address, r.mask, r.bytes);
  }
  static void shared(Warp &w, const Op *op, Access access, const Request &r) {
    WatchCounters::shared(w, op, access, r);
    if (!may_merge(op)) use_banks(w, wavefronts_of(r));
  }
  static void merged(Warp &w, const Op *op, Access access, const Request &r) {
    const u64 before = counts_of(w, op).wavefronts;
    WatchCounters::merged(w, op, access, r);
    if (leads_group(op)) use_banks(w, counts_of(w, op).wavefronts - before);
  }
  // A loop of compare-and-swaps goes round once for each lane that updates the same word.
  static void contended(Warp &w, const Op *op, const Request &r, Update update) {
    WatchCounters::contended(w, op, r, update);
    const u32 waits = waits_of(r, update);
    use_banks(w, waits);
    w.run->latency += update == Update::loop ? waits * w.run->latency : waits;
  }
  static void constant(Warp &w, const Op *op, const Request &r) {
    const u64 before = counts_of(w, op).wavefronts;
    WatchCounters::constant(w, op, r);
    w.run->latency += u32(counts_of(w, op).wavefronts - before);
    w.run->scoreboard->replay(counts_of(w, op).wavefronts - before);
  }
  static void copied(Warp &w, const Op *op, const Request &r) {
    WatchCounters::copied(w, op, r);
    use_banks(w, wavefronts_of(r));
  }
  static void local(Warp &w, const Op *op, Access access, const Request &r) {
    const OpCounts &counts = counts_of(w, op);
    const u64 before = counts.pieces + counts.divergent;
    WatchCounters::local(w, op, access, r);
    w.run->scoreboard->use_banks(counts.pieces + counts.divergent - before);
  }
  static void use_banks(Warp &w, u64 wavefronts) { w.run->scoreboard->use_banks(4 * wavefronts); }
};

}  // namespace vgpu
