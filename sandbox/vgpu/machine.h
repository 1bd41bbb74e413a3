// The virtual GPU's public face: PTX in; results, faults and counts out.
//
// A Module is parsed PTX. A Machine owns one device memory and launches kernels of one Module on it. It has no globals,
// no clock and no randomness: the same module, the same memory and the same launch give the same results and the same
// integer counts on every machine. It is not thread-safe; use one Machine per thread.
//
// Faults of the program are values (LaunchReport::faults). Errors of the caller (an unknown kernel, a parameter block
// of the wrong size) throw std::invalid_argument. A defect of ours throws std::logic_error.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vgpu {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
  uint64_t count() const { return uint64_t(x) * y * z; }
};

// PTX state spaces (https://docs.nvidia.com/cuda/parallel-thread-execution/#state-spaces).
enum class Space : uint8_t { generic, global, shared, local, constant, param };

// Why a launch stopped, or what was seen while it ran.
enum class FaultKind : uint8_t {
  out_of_bounds,        // an access outside every live allocation of its space
  misaligned,           // an address that is not a multiple of the access size
  uninitialised_address,// an uninitialised value decided an address
  uninitialised_branch, // an uninitialised value decided a branch or a predicate of a memory operation
  write_to_constant,    // a store to constant or parameter space
  divergent_barrier,    // a barrier that some live threads of the block can no longer reach
  absent_lane,          // a shuffle, vote or match that names lanes which did not arrive
  trap,                 // the program executed `trap` (a failed assert is one, with its text)
  stack_overflow,       // calls nested deeper than the limit
  invalid_launch,       // block, grid or shared memory beyond the device's limits
  unsupported,          // an instruction or directive this machine does not execute: not the program's fault
  budget,               // the instruction budget ran out
  race,                 // two threads access the same bytes, one of them writes, and nothing orders them
  missing_wait,         // bytes of an asynchronous copy are used, or given up, before anybody has waited for it
  uninitialised_value,  // a value that nobody wrote is stored in global memory or printed (a remark)
};
const char *name_of(FaultKind);   // "out_of_bounds", ...
const char *name_of(Space);       // "global", ...

struct SourceLine {
  std::string file;               // as in the PTX .file directive; empty where there is no line information
  uint32_t line = 0;              // 1-based; 0 where unknown
};

// The other access of a race, or a thread that does not come to a barrier.
struct Party {
  std::string access;             // "load", "store", "atomic" or "asynchronous copy"; "waits" or "has ended"
  std::string function;
  Dim3 block{0, 0, 0}, thread{0, 0, 0};
  SourceLine source;
  uint32_t ptx_line = 0;
  std::string instruction;
};

struct Fault {
  FaultKind kind;
  std::string message;            // one sentence: what happened, and to which allocation
  std::string kernel;             // entry that was launched
  std::string function;           // function that executed the instruction (the entry itself, or a .func)
  Dim3 block{0, 0, 0}, thread{0, 0, 0};
  Space space = Space::generic;
  uint64_t address = 0;           // as the program computed it
  uint32_t bytes = 0;             // size of the access
  std::string allocation;         // nearest allocation's name, empty if none
  int64_t offset = 0;             // address minus that allocation's start
  SourceLine source;              // from -lineinfo, innermost inlined position
  uint32_t ptx_line = 0;          // 1-based line of the PTX text
  std::string instruction;        // its text
  uint64_t occurrences = 1;       // how often it was seen; the first time is described
  std::vector<Party> others;      // the other party of a race, or where else threads wait than at a divergent_barrier
};

// Instruction classes, in the order of the counter arrays. The names are part of the JSON that reports carry.
enum class Class : uint8_t {
  fp32, fp64, fp16, integer, wide_integer, conversion, special, move, predicate, control, barrier, shuffle, vote,
  global_load, global_store, global_atomic, shared_load, shared_store, shared_atomic, local_load, local_store,
  constant_load, matrix, async_copy, other, count_
};
const char *name_of(Class);

// Exact counts of one launch. All integers; merged in block order.
struct Counts {
  uint64_t blocks = 0, warps = 0, threads = 0;
  uint64_t warp_instructions = 0, thread_instructions = 0;
  uint64_t issue_slots = 0;       // warp instructions weighted by the SASS instructions a PTX instruction expands to
  uint64_t warp_by_class[size_t(Class::count_)] = {};
  uint64_t thread_by_class[size_t(Class::count_)] = {};
  uint64_t slots_by_class[size_t(Class::count_)] = {};
  uint64_t global_load_requests = 0, global_load_sectors = 0;     // a request is one warp instruction; a sector is 32 B
  uint64_t global_store_requests = 0, global_store_sectors = 0;
  uint64_t global_atomic_requests = 0, global_atomic_sectors = 0;
  uint64_t global_atomic_lanes = 0;                               // lanes that updated
  uint64_t global_atomic_hottest = 0;                             // most updates of any one address in the launch
  uint64_t global_load_bytes = 0, global_store_bytes = 0;         // bytes the lanes asked for
  uint64_t local_requests = 0, local_sectors = 0;
  uint64_t shared_load_requests = 0, shared_load_wavefronts = 0;
  uint64_t shared_store_requests = 0, shared_store_wavefronts = 0;
  uint64_t shared_atomic_requests = 0, shared_atomic_wavefronts = 0;
  // The same, if neighbouring loads and stores are merged as the assembler does it (lower/merged_accesses.cpp).
  uint64_t shared_load_requests_merged = 0, shared_load_wavefronts_merged = 0;
  uint64_t shared_store_requests_merged = 0, shared_store_wavefronts_merged = 0;
  uint64_t constant_replays = 0;      // addresses of each request to constant memory, but for its first
  uint64_t branches = 0, divergent_branches = 0, barriers = 0;
  uint64_t block_waits = 0;           // rounds of loops that may wait for what other blocks write, by warps
  uint64_t async_copies_dropped = 0;  // asynchronous copies of one thread that nobody waited for before its block ended
  // Cache model (Options::caches): cycles of L1 that global loads take, sectors that missed L1, and 32 B sectors that
  // DRAM had to move.
  uint64_t l1_load_wavefronts = 0;
  uint64_t l1_miss_sectors = 0, l2_read_sectors = 0, l2_write_sectors = 0;
  uint64_t dram_read_sectors = 0, dram_write_sectors = 0;
  // Scoreboard (Options::scoreboard): latency chains in cycles, contention-free, one block at a time.
  uint64_t chain_cycles_sum = 0;  // sum over blocks of the block's longest warp
  uint64_t chain_cycles_max = 0;  // longest block
  // Of the block that has most of each: warp instructions, and (Options::scoreboard or caches) cycles of the banks that
  // L1 and shared memory have in common, addresses of constant memory beyond the first of a request, slots of all
  // classes, and of each that keeps a unit busy (0 for the others).
  uint64_t block_instructions_max = 0, block_pipe_cycles_max = 0, block_replays_max = 0, block_issue_slots_max = 0;
  uint64_t block_slots_by_class[size_t(Class::count_)] = {};

  void add(const Counts &);       // sums; the longest and the hottest stay the largest
};

// Counts of one PTX instruction, for profiles by source line.
struct LineCounts {
  SourceLine source;
  uint32_t ptx_line = 0;
  std::string instruction;
  uint64_t warp_instructions = 0, thread_instructions = 0, requests = 0, sectors = 0, wavefronts = 0, divergent = 0;
  Class kind = Class::other;
  uint32_t slots = 0;             // SASS instructions it is taken for
  uint64_t requests_merged = 0, wavefronts_merged = 0;    // of shared memory, as in Counts
};

// Of the sampled blocks of one part of the grid. A range holds the least and the most of one block.
struct Range { uint64_t least = 0, most = 0; };
struct StratumReport {
  uint64_t blocks = 0, sampled = 0;
  Counts counts;                  // summed over the sampled blocks; DRAM sectors are those read while they ran
  Range warp_instructions, sectors, wavefronts, chain_cycles;     // sectors of global and local memory
};

// What Options::sample_blocks came to. Without strata all blocks were watched; if they were not to be, `in_full` says
// why they were.
struct SampleReport {
  std::string in_full;
  bool only = false;              // the others did not run, and Counts are those of the sampled ones
  std::vector<StratumReport> strata;
};

struct LaunchReport {
  // Empty: the launch ran to its end, and nothing was found. Those that do not stop a launch (races, and with
  // Options::max_faults whatever a launch can go on after) come in the order in which they were found.
  std::vector<Fault> faults;
  std::vector<Fault> remarks;     // what is suspicious and decides nothing
  bool ended = true;              // every thread came to its end, whatever was found
  Counts counts;
  std::vector<LineCounts> lines;  // only with Options::lines
  std::string printed;            // output of printf, capped
  // Only with Options::threads > 1: blocks read or wrote what others wrote, or the launch stopped, so that the order of
  // blocks decides what memory holds. Launch again on one thread, from the memory as it was before.
  bool needs_one_thread = false;
  // With strata, l1_miss_sectors, l2_read_sectors and the chain cycles of Counts are of the sampled blocks only; DRAM
  // sectors, from then on also of the machine's other launches, are an estimate from a part of L2 (page_sample.h).
  SampleReport sample;
};

// type: "u64", "f32", "b8" (by-value struct) ...
struct ParamInfo { uint32_t offset, size, align; std::string type; };
struct KernelInfo {
  std::string name;
  std::vector<ParamInfo> params;
  uint32_t param_bytes = 0, static_shared_bytes = 0, local_bytes = 0;
  Dim3 max_threads{0, 0, 0};      // .maxntid / .reqntid; zeros where not given
  bool exact_threads = false;     // .reqntid
  uint32_t instructions = 0;      // static
};

struct Diagnostic { uint32_t ptx_line; std::string message; };

class Module {
 public:
  // Parses every directive and instruction. Syntax errors are collected in `diagnostics` (then the result is null). An
  // instruction this machine does not know is not an error here: it becomes an `unsupported` fault if it is reached.
  static std::shared_ptr<const Module> load(std::string_view ptx, std::vector<Diagnostic> &diagnostics);
  virtual ~Module() = default;
  virtual const std::vector<KernelInfo> &kernels() const = 0;
  virtual std::string target() const = 0;                         // "sm_80"
};

// Latencies in cycles and cache sizes for the scoreboard and the cache model; filled from a GPU table by the caller.
struct Timing {
  uint32_t alu = 4, fp64 = 8, special = 18, shared = 24, l1_hit = 34, l2_hit = 260, dram = 560, atomic = 300,
           shuffle = 24, barrier = 20, constant = 8, matrix = 33;
  uint64_t l1_bytes = 128 << 10;  // per SM; divided by the caller among resident blocks
  uint64_t l2_bytes = 50 << 20;
};

struct Options {
  bool counters = true;           // Counts up to `barriers`
  bool lines = false;             // LaunchReport::lines
  bool caches = false;            // the L1/L2/DRAM sector counts
  bool scoreboard = false;        // chain_cycles_*; needs caches to tell hit from miss
  bool track_uninitialised = false;
  // Accesses to shared and global memory that nothing orders. Takes the place of tracking, caches and scoreboard.
  bool check_races = false;
  // Different faults to report. 1: the launch stops at its first. More: it goes on after faults that leave it something
  // to do (the access does not happen; a load gives the poison pattern), and stops at the last.
  uint32_t max_faults = 1;
  bool plain = false;             // no quick handlers: the same results and counts, slower (to test the quick ones)
  // Host threads. Blocks that can depend on each other (atomics, waiting, clocks), and launches with caches,
  // scoreboard, tracking or a check of races, run on one in any case. Results and counts do not depend on it; see
  // LaunchReport::needs_one_thread.
  uint32_t threads = 1;
  // 0: blocks begin, and warps take turns, as they are numbered. Otherwise in an order drawn from this seed, on one
  // thread. Results of a program without races do not depend on it, but for the order of atomic updates.
  uint64_t order = 0;
  // Blocks that L1 and the scoreboard are modelled for, about so many, drawn by `sample_seed` over the whole grid (0:
  // all). The others run as well, are counted, and pass through L2 with all they load: L1 filters nothing there. All
  // blocks are watched where they can depend on each other, where the grid is small, and where anything is looked for.
  uint32_t sample_blocks = 0;
  uint64_t sample_seed = 0;
  bool sample_only = false;       // blocks outside the sample do not run at all
  Timing timing;
};

// No default: a launch without a budget does not exist.
struct Budget {
  uint64_t warp_instructions;     // over the whole launch; the fresh memory of a block costs one for each 4 KiB
};

struct Launch {
  std::string kernel;
  Dim3 grid, block;
  uint32_t dynamic_shared_bytes = 0;
  bool cooperative = false;
  std::vector<uint8_t> params;    // KernelInfo::param_bytes, laid out by ParamInfo
};

// Limits of the device that a launch is checked against. Those of an SM (the largest of any GPU so far) bound how many
// blocks can be resident, that is how many a cooperative launch may have; registers, which bound it too, are not known
// from PTX.
struct Limits {
  uint32_t threads_per_block = 1024, shared_bytes_per_block = 99 << 10, sms = 108;
  uint64_t memory_bytes = uint64_t(8) << 30;
  uint32_t threads_per_sm = 2048, blocks_per_sm = 32, shared_bytes_per_sm = 228 << 10;
};

class Machine {
 public:
  // Throws std::bad_alloc if the module's variables need more than Limits::memory_bytes.
  Machine(std::shared_ptr<const Module>, const Limits &);
  ~Machine();
  Machine(const Machine &) = delete;
  Machine &operator=(const Machine &) = delete;

  // Allocates `bytes` in global memory with a guard band before and after; the address is 256-byte aligned plus `skew`
  // (skew > 0 tests kernels that assume alignment). The content is uninitialised and reads as the poison pattern.
  // Throws std::bad_alloc beyond Limits::memory_bytes.
  uint64_t allocate(const std::string &name, uint64_t bytes, uint32_t skew = 0);
  void write(uint64_t address, const void *data, uint64_t bytes);      // marks the bytes initialised
  void read(uint64_t address, void *data, uint64_t bytes) const;
  // Fills [address, address + bytes) with the poison pattern and marks it uninitialised.
  void poison(uint64_t address, uint64_t bytes);
  // The pattern uninitialised global, shared and local memory and registers read as. Set it before allocating.
  void set_poison(uint32_t pattern);
  // The first byte of [address, address + bytes) still uninitialised, as an offset, or -1 (only with launches under
  // Options::track_uninitialised).
  int64_t first_uninitialised(uint64_t address, uint64_t bytes) const;

  // Runs one launch to its end, to its first fault, or to the end of its budget.
  [[nodiscard]] LaunchReport launch(const Launch &, const Options &, Budget);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vgpu
