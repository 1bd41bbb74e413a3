// What the interpreter needs of the race detector (races/): who touched which bytes last, when the running warp knows
// of it, and whom to call where that does not settle it. Plain structs, as in run.h.
//
// A cell says who: its epoch, operation, warp and lane. Epochs are numbers that rise over the whole launch; one belongs
// to one warp, from one event that orders memory to the next. So "the warp knows of everything up to epoch e" is one
// number, and a cell that is not above it needs no further look.
#pragma once

#include "run.h"

namespace vgpu {

// Bits: epoch 32-63, operation 12-31, warp 7-11, lane 2-6, flags 0-1.
using RaceCell = uint64_t;
constexpr uint32_t kRaceOpShift = 12;                // an epoch and an operation are above
constexpr uint32_t kRaceOps = 1u << 20;              // operations of a kernel that a cell can name
constexpr RaceCell kRaceMore = 1;      // of a reader: `more` is another one; of a strong write: a plain one before it
constexpr RaceCell kRaceFull = 2;                    // of a reader: `more` is another warp's
constexpr RaceCell kRaceSplit = 2;                   // of a line: look at the cells of its granules
constexpr RaceCell kRaceWarp = 31 << 7;
constexpr RaceCell kRaceThread = 0xffc;              // warp and lane
constexpr uint32_t kInFlight = 0xffffffff;           // epoch of an asynchronous copy that nobody has waited for
constexpr uint32_t kRaceLine = 64;                   // bytes
constexpr uint32_t kRaceChunk = 1 << 22;             // bytes of global memory whose cells are made together

inline uint32_t epoch_of(RaceCell cell) { return uint32_t(cell >> 32); }
inline uint32_t op_of(RaceCell cell) { return uint32_t(cell >> 12) & (kRaceOps - 1); }
inline uint32_t warp_of(RaceCell cell) { return uint32_t(cell >> 7) & 31; }
inline uint32_t lane_of(RaceCell cell) { return uint32_t(cell >> 2) & 31; }
inline RaceCell cell_of(uint32_t epoch, uint32_t op, uint32_t warp, uint32_t lane) {
  return RaceCell(epoch) << 32 | RaceCell(op) << 12 | warp << 7 | lane << 2;
}

// Flags of a reader beside which there is another.
inline RaceCell more_flags(RaceCell read, RaceCell more) {
  return kRaceMore | (warp_of(read) == warp_of(more) ? 0 : kRaceFull);
}

// Cells of consecutive granules: the last write, a reader since, and one more of either.
struct RaceCells { RaceCell *write, *read, *more; };

// A line whose bytes were all written (or read) by neighbouring lanes of one warp at once has one cell in place of
// theirs, with a code for the lanes in place of the lane (line_code). A split one has kRaceSplit in `write`, and in
// `read` some reader, if there is any.
struct RaceLine { RaceCell write, read; };

// The cells of an allocation, or of a block's shared memory (one chunk, no lines).
struct RaceShadow {
  uint64_t low = 0, high = 0;      // addresses; `low` is a multiple of a line
  uint32_t shift = 2;              // log2 of the bytes of a granule
  RaceLine *lines = nullptr;
  RaceCells *chunks = nullptr;     // null where nothing has been split
};

// What a warp knows of: everything in its block up to `base`, of itself up to `own`, and all but its plain stores up to
// `gathered`. `epoch` is its accesses' now. `knows_more`: it may know of more than that, or somebody reads under way.
struct RaceWarp { uint32_t epoch = 0, base = 0, own = 0, gathered = 0; bool knows_more = false; };

// Traits of an operation.
enum : uint16_t {
  kRaceStrong = 1,      // volatile, relaxed, acquire, release or atomic: does not race with its like
  kRaceAcquire = 2, kRaceRelease = 4,
  kRaceBlockScope = 8,  // .cta (or .cluster: a cluster is one block)
  kRaceVolatile = 16, kRaceAsync = 32, kRaceAtomic = 64,
  kRaceValues = 128,    // a store whose values are registers
  kRaceFence = 256,
  kRaceGuess = 512,     // a plain load of what an atomic of the function checks: counts as strong, and is remarked
  kRaceClosely = 1024,  // no quick check (Options::plain)
  kRaceReadOnly = 2048,  // a load that may give what was there when the kernel began: .nc, ldu
};

// An event that orders memory, at an mbarrier.
enum class RaceEvent : uint8_t { arrived, landed, phase_ended, tested };

struct RaceView;
struct Bulk;

struct RaceCalls {
  // The whole check of a request, with reports.
  void (*request)(Run &, Warp &, const Op *, Access, Space, const uint64_t *address, uint32_t mask, uint32_t bytes);
  // The shadow of the allocation at `low`; null: it is not written, as far as is known.
  RaceShadow *(*find)(Run &, const Op *, uint64_t low, bool stores);
  // Gives the granules of a line of global memory cells of their own.
  void (*split)(Run &, uint64_t address);
  void (*fence)(Run &, Warp &, const Op *);
  void (*warp_sync)(Run &, Warp &, const uint32_t *members);             // of each lane; null: all that are here
  void (*gather)(Run &, Warp &);                                         // shfl, vote and the like
  void (*arrive)(Run &, Warp &, uint32_t barrier);                       // without waiting
  void (*mbarrier)(Run &, uint32_t address, RaceEvent, uint32_t warp);
  // An asynchronous copy of single lanes begins; those of `mask` that read less than all have no `whole` bit.
  void (*copy)(Run &, Warp &, const Op *, const uint64_t *target, const uint64_t *source, uint32_t mask, uint32_t whole,
               uint32_t bytes);
  void (*landed)(Run &, Warp &, const uint32_t *target, const uint64_t *source, uint32_t mask, uint32_t bytes);
  void (*bulk)(Run &, Warp &, const Op *, uint32_t lane, const Bulk &);
  void (*bulk_landed)(Run &, Warp &, const Bulk &);
};

struct RaceView {
  RaceCalls call;
  const uint16_t *traits = nullptr;                  // of each operation
  struct Met { uint64_t low; RaceShadow *shadow; };
  Met *met = nullptr;                                // of each operation: the allocation that it met last
  RaceCells shared = {};
  uint32_t shared_shift = 2;
  RaceWarp *warps = nullptr;                         // of the running block
  uint32_t launch_base = 0;                          // earlier launches are up to here
  uint32_t block_first = 0;   // the running block's epochs are above, if no other block ran since it began
};

}  // namespace vgpu
