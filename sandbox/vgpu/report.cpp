#include "report.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <type_traits>

#include "isa/isa.h"

namespace vgpu {

namespace {

std::string hexadecimal(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

// An instruction may span lines of the text; in a report it is one line.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!space) line += c;
    else if (!line.empty() && line.back() != ' ') line += ' ';
  }
  return line;
}

SourceLine source_of(const LoadedModule &module, const Origin &origin) {
  const auto file = module.tree->files.find(origin.file);
  return {file == module.tree->files.end() ? std::string() : file->second, origin.line};
}

// A variable of a function as its source calls it: `_ZZ5totalE4sums` is `sums`
// (https://itanium-cxx-abi.github.io/cxx-abi/abi.html#mangling-scope). Other names stay as they are.
std::string readable(const std::string &name) {
  if (name.compare(0, 3, "_ZZ") != 0) return name;
  for (size_t end = name.rfind('E'); end != std::string::npos && end > 2; end = name.rfind('E', end - 1)) {
    size_t first = end + 1, length = 0;
    while (first < name.size() && name[first] >= '0' && name[first] <= '9' && length < name.size())
      length = 10 * length + size_t(name[first++] - '0');
    const size_t after = first + length;
    if (length != 0 && (after == name.size() || (after < name.size() && name[after] == '_')))
      return name.substr(first, length);
  }
  return name;
}

// The shared variable nearest to the address; without any, or there, the dynamic part.
void locate_shared(const Run &run, Fault &fault) {
  const auto &variables = run.program->shared;
  uint64_t least = ~uint64_t(0);
  for (size_t i = 0; i < run.shared_extent_count; ++i) {
    const Extent &each = run.shared_extents[i];
    const uint64_t distance = fault.address < each.low ? each.low - fault.address
                              : fault.address >= each.high ? fault.address - each.high + 1 : 0;
    if (distance >= least) continue;
    least = distance;
    fault.allocation = i < variables.size() ? readable(variables[i].name) : "dynamic shared memory";
    fault.offset = int64_t(fault.address) - int64_t(each.low);
  }
  if (least != ~uint64_t(0)) return;
  fault.allocation = "dynamic shared memory";
  fault.offset = int64_t(fault.address);
}

// The name and start of the allocation, shared variable or local frame nearest to the address.
void locate(const LaunchContext &context, const Run &run, Fault &fault) {
  if (fault.space == Space::shared) {
    locate_shared(run, fault);
  } else if (fault.space == Space::local) {
    fault.allocation = "local memory";
    fault.offset = int64_t(fault.address);
  } else if (const Allocation *near = context.arena.nearest(fault.address)) {
    fault.allocation = readable(near->name);
    fault.offset = int64_t(fault.address - near->extent.low);
  }
}

uint64_t bytes_of_allocation(const LaunchContext &context, const Run &run, const Fault &fault) {
  if (fault.space == Space::local) return run.local_in_use;
  for (const SharedVariable &each : run.program->shared) {
    if (fault.space == Space::shared && readable(each.name) == fault.allocation) return each.bytes;
  }
  if (fault.space == Space::shared) return run.dynamic_shared_bytes;
  const Allocation *near = context.arena.nearest(fault.address);
  return near ? near->extent.high - near->extent.low : 0;
}

std::string access_words(const LaunchContext &context, const Run &run, const Fault &fault) {
  const std::string size =
      std::to_string(fault.bytes) + " bytes of " + name_of(fault.space) + " memory at " + hexadecimal(fault.address);
  const std::string place = fault.allocation.empty() ? std::string("; nothing is allocated")
      : ": byte " + std::to_string(fault.offset) + " of '" + fault.allocation + "', which has " +
            std::to_string(bytes_of_allocation(context, run, fault)) + " bytes";
  return size + place;
}

// "lane 3", "lanes 0 to 15, 17"
std::string lane_words(uint32_t lanes) {
  std::string words;
  for (uint32_t lane = 0; lane < 32; ++lane) {
    if (!(lanes >> lane & 1)) continue;
    uint32_t last = lane;
    while (last < 31 && lanes >> (last + 1) & 1) ++last;
    words += (words.empty() ? "" : ", ") + std::to_string(lane) + (last > lane ? " to " + std::to_string(last) : "");
    lane = last;
  }
  return ((lanes & (lanes - 1)) == 0 ? "lane " : "lanes ") + words;
}

std::string absent_words(const Stop &stop) {
  if (stop.absent) {
    return "the instruction waits for lanes that do not execute it: " + lane_words(stop.absent) +
           ((stop.absent & (stop.absent - 1)) == 0 ? " is absent" : " are absent");
  }
  const uint32_t lanes = stop.lanes ? stop.lanes : 1u << stop.lane;
  return "the member mask leaves out a lane that executes the instruction: " + lane_words(lanes);
}

// Where an uninitialised value came from (exec/tracking.h: make_origin).
std::string origin_words(const LaunchContext &context, const Run &run, const Stop &stop) {
  if (!stop.origin) return "; no instruction has given it a value";
  const Origin &origin = run.program->origins[size_t(stop.origin >> 42) - 1];
  Fault loaded{};
  constexpr Space spaces[] = {Space::generic, Space::global, Space::shared, Space::local};
  loaded.space = spaces[stop.origin >> 40 & 3];
  loaded.address = (stop.origin & ((uint64_t(1) << 40) - 1)) + (loaded.space == Space::global ? kGlobalBase : 0);
  locate(context, run, loaded);
  const SourceLine source = source_of(context.module, origin);
  const std::string name = source.file.substr(source.file.rfind('/') + 1);
  const bool has_line = !name.empty() && source.line != 0;        // compilers give line 0 to what they merged
  const std::string line = has_line ? name + ":" + std::to_string(source.line)
                                    : "PTX line " + std::to_string(origin.ptx_line);
  return "; it was loaded at " + line + " from byte " + std::to_string(loaded.offset) + " of '" + loaded.allocation +
         "' (" + name_of(loaded.space) + " memory), where nobody had written";
}

std::string sentence(const LaunchContext &context, const Run &run, const Stop &stop, const Fault &fault) {
  const std::string note = stop.note;
  switch (fault.kind) {
    case FaultKind::out_of_bounds: return "access outside every allocation: " + access_words(context, run, fault);
    case FaultKind::misaligned:
      return "address is not a multiple of the access size: " + access_words(context, run, fault);
    case FaultKind::write_to_constant: return "store to read-only memory: " + access_words(context, run, fault);
    case FaultKind::uninitialised_address:
      return "an uninitialised value is used as an address" + origin_words(context, run, stop);
    case FaultKind::uninitialised_branch:
      return "an uninitialised value decides a branch or a memory access" + origin_words(context, run, stop);
    case FaultKind::divergent_barrier:
      return note;
    case FaultKind::absent_lane: return absent_words(stop);
    case FaultKind::trap: return note.empty() ? "the program executed trap" : note;
    case FaultKind::stack_overflow: return "calls or diverged paths are nested deeper than the virtual GPU allows";
    case FaultKind::unsupported:
      return "not executed by the virtual GPU: '" + fault.instruction + "': " +
             (note.empty() ? run.program->notes[static_cast<size_t>(stop.op->offset)] : note);
    case FaultKind::budget: return "the launch used up its instruction budget";
    case FaultKind::race:
      return "two threads access the same bytes, and nothing orders them: " + note + ": " +
             access_words(context, run, fault);
    case FaultKind::missing_wait:
      return note + ": " + access_words(context, run, fault);
    case FaultKind::uninitialised_value:
      return (note.empty() ? "an uninitialised value is stored: " + access_words(context, run, fault) : note) +
             origin_words(context, run, stop);
    case FaultKind::invalid_launch: break;
  }
  return note;
}

bool is_pseudo(uint16_t form) { return form == form_enter_block || form == form_guard || form == form_unguard; }

bool is_branch(const Op &op) {
  return op.form == form_bra || op.form == form_bra_if || op.form == form_brx_idx || (op.flags & kWasBranch);
}

struct Traffic { uint64_t requests, wavefronts; };

// What is left of an operation's requests where the assembler merges them.
Traffic merged_of(const Op &op, const OpCounts &own) {
  const bool plain = (op.form >= form_ld_shared_b8 && op.form <= form_ld_shared_b64) ||
                     (op.form >= form_st_shared_b8 && op.form <= form_st_shared_b64);
  if (!plain || op.kind == kAlone) return {own.requests, own.pieces};
  return op.kind == kServedByLeader ? Traffic{0, 0} : Traffic{own.requests, own.wavefronts};
}

// A form that reaches the state space its addresses lie in.
bool is_generic(const Op &op) {
  return std::string_view(form_row(op.form).name).find("generic") != std::string_view::npos;
}

void add_shared_load(const Traffic &exact, const Traffic &merged, Counts &counts) {
  counts.shared_load_requests += exact.requests, counts.shared_load_wavefronts += exact.wavefronts;
  counts.shared_load_requests_merged += merged.requests, counts.shared_load_wavefronts_merged += merged.wavefronts;
}
void add_shared_store(const Traffic &exact, const Traffic &merged, Counts &counts) {
  counts.shared_store_requests += exact.requests, counts.shared_store_wavefronts += exact.wavefronts;
  counts.shared_store_requests_merged += merged.requests, counts.shared_store_wavefronts_merged += merged.wavefronts;
}

void add_memory(const Op &op, Class cls, const OpCounts &own, uint64_t threads, Counts &counts) {
  const uint64_t bytes = threads * op.n * op.bytes;
  const Traffic elsewhere{own.executed, own.wavefronts};      // of a generic access, in shared memory
  switch (cls) {
    case Class::global_load:
      counts.global_load_requests += own.requests, counts.global_load_sectors += own.pieces,
          counts.global_load_bytes += bytes;
      if (is_generic(op)) add_shared_load(elsewhere, elsewhere, counts), counts.local_sectors += own.divergent;
      break;
    case Class::global_store:
      counts.global_store_requests += own.requests, counts.global_store_sectors += own.pieces,
          counts.global_store_bytes += bytes;
      if (is_generic(op)) add_shared_store(elsewhere, elsewhere, counts), counts.local_sectors += own.divergent;
      break;
    case Class::global_atomic:
      counts.global_atomic_requests += own.requests, counts.global_atomic_sectors += own.pieces;
      counts.global_atomic_lanes += threads;
      if (!is_generic(op)) break;
      counts.shared_atomic_requests += elsewhere.requests, counts.shared_atomic_wavefronts += elsewhere.wavefronts;
      counts.local_sectors += own.divergent;
      break;
    case Class::constant_load: counts.constant_replays += own.wavefronts; break;
    case Class::async_copy:
      counts.global_load_requests += own.requests, counts.global_load_sectors += own.pieces,
          counts.global_load_bytes += threads * op.bytes;
      add_shared_store({own.requests, own.wavefronts}, {own.requests, own.wavefronts}, counts);
      break;
    case Class::local_load: case Class::local_store:
      counts.local_requests += own.requests, counts.local_sectors += own.pieces;
      break;
    case Class::shared_load:
      add_shared_load({own.requests, own.pieces}, merged_of(op, own), counts);
      break;
    case Class::shared_store:
      add_shared_store({own.requests, own.pieces}, merged_of(op, own), counts);
      break;
    case Class::shared_atomic:
      counts.shared_atomic_requests += own.requests, counts.shared_atomic_wavefronts += own.pieces;
      break;
    default: break;
  }
}

// Bulk copies are counted apart: their sizes are operands.
bool is_bulk(uint16_t form) { return form >= form_cp_async_bulk_load && form <= form_cp_reduce_async_bulk_extreme; }

void add_bulk_copy(const Op &op, const OpCounts &own, Counts &counts) {
  const bool loads = op.form == form_cp_async_bulk_load, local = op.form == form_cp_async_bulk_shared;
  const bool stores = op.form == form_cp_async_bulk_store;
  if (loads) {
    counts.global_load_requests += own.requests, counts.global_load_sectors += own.pieces,
        counts.global_load_bytes += own.divergent;
  } else if (stores) {
    counts.global_store_requests += own.requests, counts.global_store_sectors += own.pieces,
        counts.global_store_bytes += own.divergent;
  } else if (!local) {
    constexpr uint64_t sizes[] = {4, 4, 8, 8, 2, 2, 4, 8};        // of BulkType
    counts.global_atomic_requests += own.requests, counts.global_atomic_sectors += own.pieces;
    counts.global_atomic_lanes += own.divergent / sizes[op.v[1]];
  }
  const Traffic traffic{own.requests, own.wavefronts};
  if (loads || local) add_shared_store(traffic, traffic, counts);
  if (!loads) add_shared_load(traffic, traffic, counts);
}

void add_operation(const Op &op, uint64_t executed, uint64_t threads, const OpCounts &own, Counts &counts) {
  const Form &form = form_row(op.form);
  const size_t cls = static_cast<size_t>(form.cls);
  counts.warp_instructions += executed;
  counts.thread_instructions += threads;
  counts.issue_slots += executed * form.slots;
  counts.warp_by_class[cls] += executed;
  counts.thread_by_class[cls] += threads;
  counts.slots_by_class[cls] += executed * form.slots;
  if (is_branch(op)) counts.branches += executed, counts.divergent_branches += own.divergent;
  if (form.cls == Class::barrier && op.form != form_bar_warp_sync) counts.barriers += executed;
  if (is_bulk(op.form)) add_bulk_copy(op, own, counts);
  else add_memory(op, form.cls, own, threads, counts);
}

// What a generic access did outside global memory.
void add_elsewhere(const OpCounts &own, LineCounts &line) {
  line.requests += own.executed;
  line.wavefronts += own.wavefronts;
  line.sectors += own.divergent;
}

LineCounts line_of(const LoadedModule &module, const Program &program, size_t i, uint64_t executed, uint64_t threads,
                   const OpCounts &own) {
  const Origin &origin = program.origins[i];
  LineCounts line;
  line.source = source_of(module, origin);
  line.ptx_line = origin.ptx_line;
  line.instruction = one_line(origin.text);
  line.warp_instructions = executed;
  line.thread_instructions = threads;
  line.requests = own.requests;
  const Class cls = form_row(program.ops[i].form).cls;
  const bool shared = cls == Class::shared_load || cls == Class::shared_store || cls == Class::shared_atomic;
  (shared ? line.wavefronts : line.sectors) = own.pieces;
  if (is_generic(program.ops[i])) add_elsewhere(own, line);
  else if (!is_bulk(program.ops[i].form)) line.divergent = own.divergent;
  line.kind = cls;
  line.slots = form_row(program.ops[i].form).slots;
  const Traffic merged = shared ? merged_of(program.ops[i], own) : Traffic{0, 0};
  line.requests_merged = merged.requests;
  line.wavefronts_merged = merged.wavefronts;
  return line;
}

Dim3 thread_index(const Run &run, uint32_t thread) {
  return {thread % run.block.x, thread / run.block.x % run.block.y, thread / run.block.x / run.block.y};
}

Party describe_bystander(const LaunchContext &context, const Run &run, const Bystander &bystander) {
  Party party;
  party.access = bystander.op ? "waits" : "has ended";
  party.function = run.program->info.name;
  party.block = run.block_index;
  party.thread = thread_index(run, bystander.thread);
  if (!bystander.op) return party;
  const Origin &origin = run.program->origins[static_cast<size_t>(bystander.op - run.ops)];
  party.function = run.program->functions[origin.function].name;
  party.source = source_of(context.module, origin);
  party.ptx_line = origin.ptx_line;
  party.instruction = one_line(origin.text);
  return party;
}

}  // namespace

Fault describe_fault(const LaunchContext &context, const Run &run, const Stop &stop) {
  const size_t index = static_cast<size_t>(stop.op - run.ops);
  const Origin &origin = run.program->origins[index];
  Fault fault{stop.kind, "", run.program->info.name, run.program->functions[origin.function].name, run.block_index,
              {0, 0, 0}, stop.space, stop.address, stop.bytes, "", 0, source_of(context.module, origin),
              origin.ptx_line, one_line(origin.text), 1, {}};
  fault.thread = thread_index(run, stop.warp * 32 + stop.lane);
  if (fault.bytes && fault.kind != FaultKind::uninitialised_address) locate(context, run, fault);
  fault.message = sentence(context, run, stop, fault);
  for (uint32_t i = 0; fault.kind == FaultKind::divergent_barrier && i < run.bystander_count; ++i)
    fault.others.push_back(describe_bystander(context, run, run.bystanders[i]));
  return fault;
}

Party describe_party(const LaunchContext &context, const Run &run, const OtherParty &other) {
  const Origin &origin = run.program->origins[static_cast<size_t>(other.op - run.ops)];
  constexpr const char *words[] = {"load", "store", "atomic"};
  const Dim3 block{uint32_t(other.block % run.grid.x), uint32_t(other.block / run.grid.x % run.grid.y),
                   uint32_t(other.block / run.grid.x / run.grid.y)};
  return {other.is_async ? "asynchronous copy" : words[static_cast<size_t>(other.access)],
          run.program->functions[origin.function].name, block, thread_index(run, other.thread),
          source_of(context.module, origin), origin.ptx_line, one_line(origin.text)};
}

void Counts::add(const Counts &other) {
  static_assert(std::is_trivially_copyable_v<Counts> && sizeof(Counts) % sizeof(uint64_t) == 0);
  constexpr uint64_t Counts::*kLargest[] = {&Counts::chain_cycles_max, &Counts::block_instructions_max,
                                            &Counts::block_pipe_cycles_max, &Counts::block_replays_max,
                                            &Counts::block_issue_slots_max,
                                            &Counts::global_atomic_hottest};
  const Counts before = *this;
  constexpr size_t kFields = sizeof(Counts) / sizeof(uint64_t);
  uint64_t sums[kFields], more[kFields];
  std::memcpy(sums, this, sizeof *this);
  std::memcpy(more, &other, sizeof other);
  for (size_t i = 0; i < kFields; ++i) sums[i] += more[i];
  std::memcpy(static_cast<void *>(this), sums, sizeof *this);
  for (const auto each : kLargest) this->*each = std::max(before.*each, other.*each);
  for (size_t i = 0; i < size_t(Class::count_); ++i)
    block_slots_by_class[i] = std::max(before.block_slots_by_class[i], other.block_slots_by_class[i]);
}

// Operations of a block that a fault cut short were counted when the block was entered; they are taken back.
void add_counts(const Program &program, const Run &run, const std::vector<OpCounts> &all, LaunchReport &report,
                bool lines, const LoadedModule &module) {
  const bool cut = run.stop.stopped && run.stop.kind != FaultKind::budget;
  const size_t stop_at = cut ? static_cast<size_t>(run.stop.op - run.ops) : program.ops.size();
  bool behind_stop = false;
  OpCounts head{};
  for (size_t i = 0; i < program.ops.size(); ++i) {
    const Op &op = program.ops[i];
    if (op.form == form_enter_block) {
      head = all[i];
      behind_stop = false;
      if (op.kind == kWaitsForBlocks) report.counts.block_waits += head.executed;
    }
    if (is_pseudo(op.form) || (op.flags & kHelper)) continue;
    const OpCounts &own = all[i];
    const uint64_t executed = head.executed - behind_stop;
    const uint64_t threads = (op.flags & kGuarded) ? own.threads : head.threads - (behind_stop ? run.stop_lanes : 0);
    behind_stop |= i == stop_at;
    add_operation(op, executed, threads, own, report.counts);
    if (lines) report.lines.push_back(line_of(module, program, i, executed, threads, own));
  }
}

}  // namespace vgpu
