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

// The name and start of the allocation, shared variable or local frame nearest to the address.
void locate(const LaunchContext &context, const Run &run, Fault &fault) {
  if (fault.space == Space::shared) {
    fault.allocation = "dynamic shared memory";
    fault.offset = int64_t(fault.address) - int64_t(run.program->dynamic_shared_offset);
    for (const SharedVariable &each : run.program->shared) {
      const bool last = run.dynamic_shared_bytes == 0 && &each == &run.program->shared.back();
      if (fault.address < each.offset || (fault.address >= each.offset + each.bytes && !last)) continue;
      fault.allocation = each.name;
      fault.offset = int64_t(fault.address) - int64_t(each.offset);
    }
  } else if (fault.space == Space::local) {
    fault.allocation = "local memory";
    fault.offset = int64_t(fault.address);
  } else if (const Allocation *near = context.arena.nearest(fault.address)) {
    fault.allocation = near->name;
    fault.offset = int64_t(fault.address - near->extent.low);
  }
}

uint64_t bytes_of_allocation(const LaunchContext &context, const Run &run, const Fault &fault) {
  if (fault.space == Space::local) return run.local_stride;
  for (const SharedVariable &each : run.program->shared) {
    if (fault.space == Space::shared && each.name == fault.allocation) return each.bytes;
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

std::string sentence(const LaunchContext &context, const Run &run, const Stop &stop, const Fault &fault) {
  const std::string note = stop.note;
  switch (fault.kind) {
    case FaultKind::out_of_bounds: return "access outside every allocation: " + access_words(context, run, fault);
    case FaultKind::misaligned:
      return "address is not a multiple of the access size: " + access_words(context, run, fault);
    case FaultKind::write_to_constant: return "store to read-only memory: " + access_words(context, run, fault);
    case FaultKind::uninitialised_address: return "an uninitialised value is used as an address";
    case FaultKind::uninitialised_branch: return "an uninitialised value decides a branch or a memory access";
    case FaultKind::divergent_barrier:
      return "not every live thread of the block can reach this barrier" + (note.empty() ? std::string() : ": " + note);
    case FaultKind::absent_lane:
      return "the member mask names lanes that do not execute this instruction, or leaves out one that does";
    case FaultKind::trap: return note.empty() ? "the program executed trap" : note;
    case FaultKind::stack_overflow: return "calls or diverged paths are nested deeper than the virtual GPU allows";
    case FaultKind::unsupported:
      return "not executed by the virtual GPU: '" + fault.instruction + "': " +
             run.program->notes[static_cast<size_t>(stop.op->offset)];
    case FaultKind::budget: return "the launch used up its instruction budget";
    case FaultKind::race:
      return "another thread accesses the same bytes, and nothing orders the two: " + access_words(context, run, fault);
    case FaultKind::missing_wait:
      return "an asynchronous copy that nobody has waited for: " + access_words(context, run, fault);
    case FaultKind::uninitialised_value: return note.empty() ? "a value that nobody wrote is used" : note;
    case FaultKind::invalid_launch: break;
  }
  return note;
}

bool is_pseudo(uint16_t form) { return form == form_enter_block || form == form_guard || form == form_unguard; }

bool is_branch(const Op &op) {
  return op.form == form_bra || op.form == form_bra_if || op.form == form_brx_idx || (op.flags & kWasBranch);
}

void add_memory(const Op &op, Class cls, const OpCounts &own, uint64_t threads, Counts &counts) {
  const uint64_t bytes = threads * op.n * op.bytes;
  switch (cls) {
    case Class::global_load:
      counts.global_load_requests += own.requests, counts.global_load_sectors += own.pieces,
          counts.global_load_bytes += bytes;
      break;
    case Class::global_store:
      counts.global_store_requests += own.requests, counts.global_store_sectors += own.pieces,
          counts.global_store_bytes += bytes;
      break;
    case Class::global_atomic:
      counts.global_atomic_requests += own.requests, counts.global_atomic_sectors += own.pieces;
      counts.global_atomic_lanes += threads;
      break;
    case Class::async_copy:
      counts.global_load_requests += own.requests, counts.global_load_sectors += own.pieces,
          counts.global_load_bytes += threads * op.bytes;
      counts.shared_store_requests += own.requests, counts.shared_store_wavefronts += own.wavefronts;
      break;
    case Class::local_load: case Class::local_store:
      counts.local_requests += own.requests, counts.local_sectors += own.pieces;
      break;
    case Class::shared_load:
      counts.shared_load_requests += own.requests, counts.shared_load_wavefronts += own.pieces;
      break;
    case Class::shared_store:
      counts.shared_store_requests += own.requests, counts.shared_store_wavefronts += own.pieces;
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
  if (loads || local) counts.shared_store_requests += own.requests, counts.shared_store_wavefronts += own.wavefronts;
  if (!loads) counts.shared_load_requests += own.requests, counts.shared_load_wavefronts += own.wavefronts;
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
  line.divergent = is_bulk(program.ops[i].form) ? 0 : own.divergent;
  line.cls = cls;
  line.slots = executed * form_row(program.ops[i].form).slots;
  return line;
}

Dim3 thread_index(const Run &run, uint32_t thread) {
  return {thread % run.block.x, thread / run.block.x % run.block.y, thread / run.block.x / run.block.y};
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
  const uint64_t longest = std::max(chain_cycles_max, other.chain_cycles_max);
  const uint64_t hottest = std::max(global_atomic_hottest, other.global_atomic_hottest);
  constexpr size_t kFields = sizeof(Counts) / sizeof(uint64_t);
  uint64_t sums[kFields], more[kFields];
  std::memcpy(sums, this, sizeof *this);
  std::memcpy(more, &other, sizeof other);
  for (size_t i = 0; i < kFields; ++i) sums[i] += more[i];
  std::memcpy(static_cast<void *>(this), sums, sizeof *this);
  chain_cycles_max = longest;
  global_atomic_hottest = hottest;
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
