// The state of a running launch, shared by the interpreter and the machine around it: Run (one launch), Warp (one
// warp), Entry (a pending path of a divergent warp, or a pending return). Plain structs: the interpreter is compiled
// several times for different instruction sets, and these are all that crosses between it and the rest.
//
// A divergent warp is a set of paths. Each path has lanes and a program counter, and heads for a join: the immediate
// post-dominator of the branch that split it off, or the return of the call it is in. Joins form a tree. The last path
// that was split off runs first, so without waiting this is the classic stack of post-dominators; because it is a tree,
// a path that waits (for other lanes at a barrier or shuffle, or in a loop for what another thread will write) can let
// the others go first.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../lower/program.h"

namespace vgpu {

class Scoreboard;
struct UnitSlots;
struct AsyncState;
struct RaceView;

constexpr uint64_t kGlobalBase = uint64_t(1) << 40;      // device addresses, the same on every host
constexpr uint64_t kSharedWindow = uint64_t(1) << 36, kLocalWindow = uint64_t(1) << 37;
constexpr uint64_t kWindowBytes = uint64_t(1) << 24;
constexpr uint64_t kFunctionBase = uint64_t(0xf) << 60;

// What one operation did, over the whole launch. The head of a block keeps `executed` and `threads` for its operations;
// guarded ones keep their own `threads`, and a global load has its last address in `executed` (exec/row_access.cpp).
// `pieces` are sectors or wavefronts; those of a generic access are in the field of the state space that it reached.
struct alignas(64) OpCounts {
  uint64_t executed;               // of a generic access: requests that reached shared memory
  uint64_t threads, requests, pieces;
  uint64_t divergent;              // of a branch; of a bulk copy, its bytes; of a generic access, local sectors
  uint64_t wavefronts;             // of the shared-memory side of an asynchronous copy or generic access; of a merged
                                   // access; replays of constant memory
  uint64_t low, size;              // of the allocation that a memory operation met last
};

struct Extent { uint64_t low, high; bool writable; };

// Where lanes come together again. That of a call is where the caller goes on; lanes arrive there by returning.
struct Join {
  uint32_t pc, mask, arrived;      // lanes that are expected, and those that are there
  uint32_t parent;                 // the join around it, or kNone; next free one in the list of free joins
  uint32_t call;                   // call site, or kNone
  uint32_t activation;             // innermost join of a call around it (itself, if it is one), or kNone: the entry
  uint32_t frame, frame_bytes;     // of a call: the callee's frame, from Warp::frames
  uint32_t local_base, depth, callee;      // and the callee's number
};
// Lanes that wait for their turn (or for other lanes; then `live` tells who had not exited when they began to wait).
struct Path { uint32_t pc, mask, join, live; };

// Words of one page of global memory that were read and written, a bit for each (memory/claims.h): a cache line.
constexpr uint64_t kClaimPage = 1024;
constexpr uint32_t kClaimCells = kClaimPage / 4 / 64;
struct alignas(64) ClaimPage { uint64_t reads[kClaimCells], writes[kClaimCells]; };
// Of an allocation: the kernel may write it; it is read without a note of the words.
constexpr uint8_t kExtentWritten = 1, kExtentRead = 2;

enum class Access : uint8_t { load, store, atomic };

// Words that are claimed: stretches of `bytes` bytes, `step` bytes from start to start. Each operation has a box;
// `used` is the operation whose box it extended last.
struct ClaimBox { uint64_t first, step, bytes; uint32_t stretches; Access access; uint32_t used; };

constexpr uint32_t kWarpLanes = 32;

enum class WarpState : uint8_t { ready, at_barrier, done };

// Whether a warp waits until it is its turn to take a number from a counter, and whether it is (exec/taking.h).
enum class Taking : uint8_t { no, waits, granted };

constexpr uint32_t kJoins = 2048;          // of one warp at a time

struct Run;

struct Warp {
  char *frame = nullptr;           // of the current function
  uint32_t mask = 0;               // lanes that execute now
  uint32_t reconverge = kNone;     // operation at which the current path ends
  uint32_t live = 0;               // lanes that have not exited
  uint32_t outer = 0;              // `mask` outside the current guard
  uint32_t carry = 0;              // CC.CF of each lane
  Run *run = nullptr;
  uint32_t lost = 0;               // lanes in which the operation that is under way does not happen (going_on.h)
  bool forgives = false;           // it does not wait for lanes that will never come
  bool splits = false;             // it executes one state space's part of a generic access
  uint32_t id = 0, first_thread = 0;
  uint32_t local_base = 0;         // local frame of the current function, and where it ends
  uint32_t local_end = 0;
  WarpState state = WarpState::ready;
  uint32_t barrier = 0, barrier_threads = 0;
  const Op *resume = nullptr;      // where a warp that is not running goes on
  const Op *waiting = nullptr;     // the barrier operation
  uint32_t vote = 0;               // predicate of a bar.red
  uint64_t came = 0;               // to the barrier: smaller is earlier
  char *frames = nullptr;          // start and end of all frames
  char *frames_end = nullptr;
  AsyncState *async = nullptr;     // what the block has begun asynchronously (pending.h)
  // With tracking (tracking.h): lanes whose value is known, one mask for each predicate, then for each slot; and, of
  // the others, unknown bits (laid out as the frames) and origins (one for each word of the frames).
  uint32_t *known = nullptr;
  char *unknown = nullptr;
  uint64_t *origins = nullptr;
  uint32_t carry_unknown = 0;      // lanes in which CC.CF is not known, and where that came from
  uint32_t doubtful = 0;           // lanes of the guard under way whose predicate is not known
  uint64_t carry_origin = 0, doubt_origin = 0;
  // Divergence.
  Join *joins = nullptr;
  uint32_t join = kNone;           // that the current path heads for
  uint32_t activation = kNone;     // join of the call that it is in
  uint32_t depth = 0;              // calls it is in
  uint32_t joins_used = 0, free_join = kNone;
  Path pending[kWarpLanes];            // can run; the last one is next
  uint32_t pending_count = 0;
  Path parked[kWarpLanes];             // wait at an operation for the other lanes that it names
  uint32_t parked_count = 0;
  Path partners[kWarpLanes];           // execute one operation together with the current path
  uint32_t partner_count = 0, own_mask = 0;
  const Op *elsewhere = nullptr;   // where the warp goes on while lanes wait at a matrix operation
  // Fairness.
  uint32_t visits = 0;             // of heads of waiting loops, and when they began
  uint64_t visits_began = 0;
  uint32_t yields = 0;             // turns that ended in a waiting loop, since lanes were last let go for that
  bool spun = false;               // the last turn ended in a waiting loop
  // Sharing work with other blocks.
  Taking taking = Taking::no;
  bool took = false;               // a number from a counter in this block
  uint64_t progress = 0;           // cycles of the virtual clock, waiting for others at barriers included
};

// Threads that have arrived without waiting, and how many it waits for in all (0: every warp of the block).
struct Barrier {
  uint32_t arrived_threads = 0, expected = 0;
  const Op *arrival = nullptr;     // the last of them that did not wait, and its warp
  uint32_t arrival_warp = 0;
};

// A thread that does not come to a barrier, or comes to it elsewhere: where it waits, or null if it has ended.
struct Bystander { const Op *op; uint32_t thread; };
constexpr uint32_t kBystanders = 8;

struct Stop {
  bool stopped = false;
  FaultKind kind = FaultKind::trap;
  const Op *op = nullptr;
  uint32_t warp = 0, lane = 0;
  Space space = Space::generic;
  uint64_t address = 0;
  uint32_t bytes = 0;
  const char *note = "";
  uint32_t lanes = 0;              // all lanes that it is true of; 0: only `lane`
  uint32_t absent = 0;             // of absent_lane: those that are named and missing
  uint64_t origin = 0;             // of an uninitialised value: where it was loaded (tracking.h)
};

// What was found and does not stop the launch (schedule/findings.h). `stop` says what and where; `other` is the other
// party of a race, where there is one.
struct OtherParty {
  const Op *op = nullptr;          // null: there is none
  Access access = Access::load;
  bool is_async = false;           // an asynchronous copy
  uint64_t block = 0;              // numbers, counted from the launch's and the block's first
  uint32_t thread = 0;
};
struct Finding {
  Stop stop;
  OtherParty other;
  bool is_remark = false;
  uint32_t count = 1;              // threads that it is true of
};

// Notes a finding; the launch goes on, unless it was the last that is to be reported: then it sets Run::stop.
using FindingCall = void (*)(Run &, const Finding &);
// Moves the warp to the frames of another activation; those it leaves are kept while lanes wait in them.
using ActivationCall = void (*)(Run &, Warp &, uint32_t activation);
// What is kept of `bytes` aligned bytes that were written with unknown bits: narrows `bits`, which are unknown as far
// as whole bytes tell, and sets `origin`; and the other way round.
using RecallCall = void (*)(Run &, Space, uint64_t address, uint32_t bytes, uint64_t &bits, uint64_t &origin);
using RememberCall = void (*)(Run &, Space, uint64_t address, uint32_t bytes, uint64_t bits, uint64_t origin);
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
  // Warp instructions left in this turn, and left in the launch beyond it.
  int64_t slice = 0, reserve = 0, granted = 0;
  // Global memory.
  char *bias = nullptr;            // host address of device address 0
  const Extent *extents = nullptr;
  uint32_t extent_count = 0;
  uint8_t *known_global = nullptr;  // one bit for each byte, biased like `bias`; null without tracking
  // The running block.
  char *shared = nullptr;
  const Extent *shared_extents = nullptr;   // variables and the dynamic part, by address, with guard bands between them
  uint32_t shared_extent_count = 0;
  uint64_t device_shared_bytes = 0;         // without the bands
  uint8_t *known_shared = nullptr;
  char *local = nullptr;           // `local_stride` bytes for each thread
  uint64_t local_stride = 0;
  uint64_t local_in_use = 0;       // by the thread of the last fault in local memory
  uint8_t *known_local = nullptr;
  const uint8_t *params = nullptr;
  Dim3 grid, block, block_index;
  uint32_t warps = 0, threads = 0;
  Barrier *barriers = nullptr;     // sixteen
  uint32_t dynamic_shared_bytes = 0;
  uint32_t poison = 0;
  uint64_t slept = 0;              // added to the clock by nanosleep
  uint64_t grid_id = 0, grid_workspace = 0;
  uint32_t sms = 1, block_number = 0;
  // Observers.
  Scoreboard *scoreboard = nullptr;
  const uint32_t *latencies = nullptr;   // of each form, in cycles
  const UnitSlots *unit_slots = nullptr; // of each basic block, whose head has its number in v[1]
  uint64_t helpers = 0;            // operations among those executed that are no instructions of their own
  uint32_t latency = 0;            // of the operation that has just run
  Stop stop;
  bool goes_on = false;            // after faults that leave it something to do (Options::max_faults)
  Bystander bystanders[kBystanders];        // of a divergent_barrier; one for each place
  uint32_t bystander_count = 0;
  uint32_t stop_lanes = 0;         // that executed the operation at which the launch stopped
  ActivationCall activation_call = nullptr;
  FindingCall finding_call = nullptr;
  RecallCall recall_call = nullptr;
  RememberCall remember_call = nullptr;
  void *unknown_words = nullptr, *unknown_block_words = nullptr;     // of global memory, of the running block
  HostCall host_call = nullptr;
  TallyCall tally_call = nullptr;
  CacheCall cache_call = nullptr;
  ClaimPage *claims = nullptr;     // by page from kGlobalBase
  uint8_t *claimed = nullptr;      // of each page: 1 where there is a claim
  uint8_t *extent_claims = nullptr;
  // Of each operation, for the allocation it read last: its start, where reads of it need no further notes; the start's
  // complement, where they do.
  uint64_t *read_alone = nullptr;
  ClaimBox *claim_boxes = nullptr;         // of each operation: what is not noted yet
  uint32_t recent_box[2] = {0, 0};         // the operation that opened one last, by a load and by a store
  void *host = nullptr;
  void *findings = nullptr;
  RaceView *race = nullptr;        // race_view.h
};

// Warp instructions executed so far in the launch.
inline uint64_t executed_by(const Run &run) { return uint64_t(run.granted - run.reserve - run.slice); }
// The virtual clock: one cycle for each of them.
inline uint64_t clock_of(const Run &run) { return executed_by(run) + run.slept; }

enum class Watch : uint8_t { nothing, counters, claims, timing, tracking, races, count_ };

// One build of the interpreter.
struct Executor {
  // Gives every operation its handler: the quick one of its form where there is one, or with `plain` never.
  void (*bind)(Op *ops, size_t count, Watch, bool plain);
  void (*execute)(Warp &, const Op *, Watch);
  void (*part)(Warp &, uint32_t next);   // after a barrier that paths of a warp came to separately (control.h)
};

}  // namespace vgpu
