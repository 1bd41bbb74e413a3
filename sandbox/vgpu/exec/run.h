// The state of a running launch, shared by the interpreter and the machine around it: Run (one launch), Warp (one
// warp), Entry (a pending path of a divergent warp, or a pending return). Plain structs: the interpreter is compiled
// several times for different instruction sets, and these are all that crosses between it and the rest.
//
// Divergence follows the classic stack of immediate post-dominators: lanes that took the other side of a branch wait on
// the stack until the running lanes reach the reconvergence point.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../lower/program.h"

namespace vgpu {

class Scoreboard;

constexpr uint64_t kGlobalBase = uint64_t(1) << 40;      // device addresses, the same on every host
constexpr uint64_t kSharedWindow = uint64_t(1) << 36, kLocalWindow = uint64_t(1) << 37;
constexpr uint64_t kWindowBytes = uint64_t(1) << 24;
constexpr uint64_t kFunctionBase = uint64_t(0xf) << 60;

// What one operation did, over the whole launch. The head of a block keeps `executed` and `threads` for its operations;
// guarded ones keep their own `threads`, and a global load has its last address in `executed` (exec/row_access.cpp).
struct alignas(64) OpCounts {
  uint64_t executed, threads, requests, pieces, divergent;
  uint64_t wavefronts;             // of the shared-memory side of an asynchronous copy
  uint64_t low, size;              // of the allocation that a memory operation met last
};

struct Extent { uint64_t low, high; bool writable; };

struct Entry { uint32_t pc, reconverge, mask, call, returned; };

enum class Access : uint8_t { load, store, atomic };

enum class WarpState : uint8_t { ready, at_barrier, done };

constexpr uint32_t kStackEntries = 2048;   // pending paths and calls of one warp

struct Run;

struct Warp {
  char *frame = nullptr;           // of the current function
  uint32_t mask = 0;               // lanes that execute now
  uint32_t reconverge = kNone;     // operation at which the current path ends
  uint32_t live = 0;               // lanes that have not exited
  uint32_t returned = 0;           // lanes that have returned from the current function
  uint32_t outer = 0;              // `mask` outside the current guard
  uint32_t carry = 0;              // CC.CF of each lane
  Run *run = nullptr;
  Entry *stack = nullptr;
  uint32_t top = 0, depth = 0;
  uint32_t id = 0, first_thread = 0;
  uint32_t local_base = 0;         // local frame of the current function
  WarpState state = WarpState::ready;
  uint32_t barrier = 0, barrier_threads = 0;
  const Op *resume = nullptr;      // where a warp at a barrier goes on
  const Op *waiting = nullptr;     // the barrier operation
  uint32_t vote = 0;               // predicate of a bar.red
  char *frames = nullptr;          // start and end of all frames
  char *frames_end = nullptr;
  uint32_t *known = nullptr;       // lanes initialised: one mask for each predicate, then for each slot (tracking)
};

struct Barrier { uint32_t arrived_threads = 0, waiting_warps = 0, expected = 0; };

struct Stop {
  bool stopped = false;
  FaultKind kind = FaultKind::trap;
  const Op *op = nullptr;
  uint32_t warp = 0, lane = 0;
  Space space = Space::generic;
  uint64_t address = 0;
  uint32_t bytes = 0;
  const char *note = "";
};

// A host function that device code calls. Returns false when the launch must stop (Run::stop is set).
using HostCall = bool (*)(Run &, Warp &, const Op *);
// Asks the cache model where a global request is served; returns the cycles until its result is there.
using CacheCall = uint32_t (*)(Run &, Access access, const uint64_t *address, uint32_t mask, uint32_t bytes);
// `updates` atomic updates of one global address happened.
using TallyCall = void (*)(Run &, uint64_t address, uint64_t updates);

struct Run {
  const Program *program = nullptr;
  const Op *ops = nullptr;
  OpCounts *counts = nullptr;
  int64_t budget = 0;
  // Global memory.
  char *bias = nullptr;            // host address of device address 0
  const Extent *extents = nullptr;
  uint32_t extent_count = 0;
  uint8_t *known_global = nullptr;  // one bit for each byte, biased like `bias`; null without tracking
  // The running block.
  char *shared = nullptr;
  uint64_t shared_bytes = 0;
  uint8_t *known_shared = nullptr;
  char *local = nullptr;           // `local_stride` bytes for each thread
  uint64_t local_stride = 0;
  uint8_t *known_local = nullptr;
  const uint8_t *params = nullptr;
  Dim3 grid, block, block_index;
  uint32_t warps = 0, threads = 0;
  Barrier barriers[16];
  uint32_t dynamic_shared_bytes = 0;
  uint32_t poison = 0;
  uint64_t clock = 0, grid_id = 0;
  uint32_t sms = 1, block_number = 0;
  // Observers.
  Scoreboard *scoreboard = nullptr;
  const uint32_t *latencies = nullptr;   // of each form, in cycles
  uint32_t latency = 0;            // of the operation that has just run
  Stop stop;
  HostCall host_call = nullptr;
  TallyCall tally_call = nullptr;
  CacheCall cache_call = nullptr;
  void *host = nullptr;
};

enum class Watch : uint8_t { nothing, counters, timing, tracking, count_ };

// One build of the interpreter.
struct Executor {
  // Gives every operation its handler: the quick one of its form where there is one, or with `plain` never.
  void (*bind)(Op *ops, size_t count, Watch, bool plain);
  void (*execute)(Warp &, const Op *, Watch);
};

}  // namespace vgpu
