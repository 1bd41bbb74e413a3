// A kernel after lowering: a flat array of decoded 64-byte operations, ready to be executed.
//
// Every register lives in a slot of the warp's frame: 32 lanes of 4 bytes (128 B) or of 8 bytes (256 B); a predicate is
// one 32-bit lane mask. Operand fields are byte offsets from the frame's start. Constants and special registers are
// slots too, filled before the kernel starts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../machine.h"

namespace vgpu {

struct Warp;
struct Op;
using Handler = const Op *(*)(Warp &, const Op *);

constexpr uint32_t kNone = 0xffffffffu;

// Flags of an operation.
enum : uint16_t {
  kFtz = 1, kSat = 2, kRelu = 4, kNan = 8, kXorSign = 16,
  kAddress32 = 32,      // the address register is a 32-bit one
  kNegate = 64,         // the guard or the predicate operand is negated
  kSetsCarry = 128, kUsesCarry = 256,
  kHelper = 512,        // stands beside the operation that counts for the instruction; is not counted itself
  kHasD2 = 1024,        // there is a second (predicate) destination, v[0]
  kAligned = 2048,
  kGuarded = 4096,      // behind a `guard` operation: threads are counted there
  kGuardsMemory = 8192, // a guard of a memory operation
  kIntegral = 16384,    // cvt .rni .rzi .rmi .rpi to a floating type
  kUniformAddress = 2048,   // an atomic: all lanes address one word (lower/uniform_addresses.h)
  kFinite = 2048,           // cvt .satfinite
  kDealsWork = 16384,   // an atomic: a loop around it goes on or not by what it gives back (lower/waiting_loops.h)
  kWasBranch = 32768,   // a return that the text wrote as a branch to a return
};

// Op::kind of asynchronous operations.
enum : uint8_t {
  kSecondNarrow = 1,    // the second address register is a 32-bit one,
  kThirdNarrow = 2,     // and so is the third
  kGenericBarrier = 4,  // the mbarrier's address is a generic one
};
// Op::kind of a plain load or store of shared memory: it stands alone, is served by another access of its group, or
// leads a group (lower/merged_accesses.h). A leader's kind is the bytes of the group's one access (4, 8 or 16), and
// Op::c the distance from its own address to where that access begins.
constexpr uint8_t kAlone = 0, kServedByLeader = 1;
// Op::kind of the head of a block: a loop that may wait for other blocks.
constexpr uint8_t kWaitsForBlocks = 1;
// Op::round and Op::v[1] of cp.reduce.async.bulk.
enum class BulkOperation : uint8_t { and_, or_, xor_, add, inc, dec, min, max };
enum class BulkType : uint8_t { u32, s32, u64, s64, f16, bf16, f32, f64 };

enum class Rounding : uint8_t { rn, rz, rm, rp, rna };
enum class Compare : uint8_t { eq, ne, lt, le, gt, ge, equ, neu, ltu, leu, gtu, geu, num, nan };
enum class Combine : uint8_t { none, and_, or_, xor_ };

struct alignas(64) Op {
  Handler run = nullptr;
  uint32_t d = 0, a = 0, b = 0, c = 0;
  uint32_t v[4] = {0, 0, 0, 0};
  int64_t offset = 0;           // byte offset of an address, or an immediate
  uint32_t target = kNone;      // branch target; length of a block; index into Program::extra
  uint32_t reconverge = kNone;
  uint16_t form = 0;            // row of the isa table
  uint16_t flags = 0;
  uint8_t kind = 0;             // Compare, atomic operation, shuffle mode, ... as the form says
  uint8_t n = 1;                // elements of a vector access
  uint8_t bytes = 0;            // bytes per element of a memory access
  uint8_t round = 0;            // Rounding; Combine of a setp
};
static_assert(sizeof(Op) == 64, "an operation is one cache line");

// What a slot holds before the first instruction.
enum class Special : uint8_t {
  constant, tid_x, tid_y, tid_z, ntid_x, ntid_y, ntid_z, ctaid_x, ctaid_y, ctaid_z, nctaid_x, nctaid_y, nctaid_z,
  laneid, warpid, nwarpid, smid, nsmid, gridid, lanemask_eq, lanemask_le, lanemask_lt, lanemask_ge, lanemask_gt,
  dynamic_smem_size, total_smem_size, zero, one, local_base, predicate, dynamic_shared,
  workspace_low, workspace_high,     // address of the grid's workspace in a cooperative launch: %envreg2, %envreg1
};
struct Preload { Special what; uint8_t bytes; uint32_t offset; uint64_t value; };

struct Copy { uint32_t from, to, words; };   // frame offsets in the caller and the callee; 128-byte words
struct CallSite { uint32_t caller, words; std::vector<Copy> arguments, returns; };

struct Stretch { uint32_t offset, bytes; };

struct FunctionCode {
  std::string name;
  uint32_t entry = 0, end = 0;               // operations
  uint32_t frame_bytes = 0, local_bytes = 0;
  std::vector<Preload> preloads;
  std::vector<Stretch> poisoned;             // slots that may be read before they are written
  uint32_t address = 0;                      // low half of the function's address
  uint32_t signature_words = 0;              // of its results and parameters
};

// Where an operation came from.
struct Origin {
  uint32_t ptx_line = 0, file = 0, line = 0, function = 0;
  std::string_view text;
};

// How tracking follows an operation: nothing to do; one result that is known where every source is; anything else.
enum class Spread : uint8_t { nothing, simple, general };

// What an operation reads and writes: Program::operands (and units) from `first` on. A simple one has it here as well,
// with fewer than three sources repeated.
struct Uses {
  uint32_t first = 0;
  uint16_t sources = 0, destinations = 0;
  uint32_t source[3] = {}, destination = 0;           // frame offsets
  uint32_t source_unit[3] = {}, destination_unit = 0;
  Spread spread = Spread::nothing;
  bool is_simple = false;                              // one destination and one to three sources
};

// `offset` is where the machine puts it, with guard bands between variables.
struct SharedVariable { std::string name; uint32_t offset, bytes; };

// Where the entry's stores to global memory go, as far as the text tells. A set of parameters is a word: parameter i of
// `params` has bit i mod 64.
struct Stores {
  std::vector<uint32_t> params;              // offsets of all parameters of 8 bytes that are loaded
  std::vector<uint64_t> origins;             // parameters that an address is computed from; each set once
};

struct Program {
  KernelInfo info;
  std::vector<Op> ops;
  std::vector<Origin> origins;               // one for each operation
  std::vector<Uses> uses;                    // one for each operation
  std::vector<uint32_t> operands;            // frame offsets: sources then destinations of each operation
  std::vector<uint8_t> operand_bytes;        // of each of them in one lane: 4, 8, or 1 for a predicate
  std::vector<uint32_t> units;               // the same operands, numbered densely in each function
  uint32_t unit_count = 0;
  std::vector<uint32_t> extra;
  std::vector<FunctionCode> functions;       // functions[0] is the entry
  std::vector<CallSite> calls;
  std::vector<std::string> notes;            // messages of unsupported operations, names of host calls
  std::vector<SharedVariable> shared;
  uint32_t static_shared_bytes = 0, dynamic_shared_offset = 0;      // as the device has them: no guard bands
  uint32_t shared_end = 0, dynamic_shared_start = 0;                 // as the machine puts them
  uint32_t reserved_shared = 0, reserved_shared_bytes = 0;          // the system's part, where the text asks for it
  Dim3 cluster{1, 1, 1};                     // blocks of a cluster that the kernel asks for, and where
  uint32_t cluster_line = 0;
  bool has_calls = false;
  Stores stores;
  bool communicates = false;                 // blocks may see what other blocks of the launch do
};

}  // namespace vgpu
