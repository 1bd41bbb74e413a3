// See report_json.h. The grammar is RFC 8259: https://www.rfc-editor.org/rfc/rfc8259. Text that a kernel printed may be
// any bytes; what is not UTF-8 becomes U+FFFD, so that the result is always valid.
#include "report_json.h"

#include "json_writer.h"

namespace vgpu {
namespace {

template <class Item>
void write(Writer &to, const std::vector<Item> &items);
void write(Writer &to, const LineCounts &);
void write(Writer &to, const StratumReport &);
void write(Writer &to, const KernelInfo &);
void write(Writer &to, const Diagnostic &);

void write(Writer &to, const SourceLine &source) {
  to.begin('{');
  to.field("file", source.file);
  to.field("line", source.line);
  to.end('}');
}

void write(Writer &to, const Party &party) {
  to.begin('{');
  to.field("access", party.access);
  to.field("function", party.function);
  to.field("block", party.block);
  to.field("thread", party.thread);
  to.key("source");
  write(to, party.source);
  to.field("ptx_line", party.ptx_line);
  to.field("instruction", party.instruction);
  to.end('}');
}

void write(Writer &to, const Fault &fault) {
  to.begin('{');
  to.field("kind", name_of(fault.kind));
  to.field("message", fault.message);
  to.field("kernel", fault.kernel);
  to.field("function", fault.function);
  to.field("block", fault.block);
  to.field("thread", fault.thread);
  to.field("space", name_of(fault.space));
  to.field("address", fault.address);
  to.field("bytes", fault.bytes);
  to.field("allocation", fault.allocation);
  to.key("offset");
  to.signed_number(fault.offset);
  to.key("source");
  write(to, fault.source);
  to.field("ptx_line", fault.ptx_line);
  to.field("instruction", fault.instruction);
  to.field("occurrences", fault.occurrences);
  to.key("others");
  write(to, fault.others);
  to.end('}');
}

void write_by_class(Writer &to, const char *name, const uint64_t (&by_class)[size_t(Class::count_)]) {
  to.key(name);
  to.begin('{');
  for (size_t i = 0; i < size_t(Class::count_); ++i) to.field(name_of(Class(i)), by_class[i]);
  to.end('}');
}

struct NamedCount {
  const char *name;
  uint64_t Counts::*value;
};

constexpr NamedCount kCounts[] = {
    {"blocks", &Counts::blocks},
    {"warps", &Counts::warps},
    {"threads", &Counts::threads},
    {"warp_instructions", &Counts::warp_instructions},
    {"thread_instructions", &Counts::thread_instructions},
    {"issue_slots", &Counts::issue_slots},
    {"global_load_requests", &Counts::global_load_requests},
    {"global_load_sectors", &Counts::global_load_sectors},
    {"global_store_requests", &Counts::global_store_requests},
    {"global_store_sectors", &Counts::global_store_sectors},
    {"global_atomic_requests", &Counts::global_atomic_requests},
    {"global_atomic_sectors", &Counts::global_atomic_sectors},
    {"global_atomic_lanes", &Counts::global_atomic_lanes},
    {"global_atomic_hottest", &Counts::global_atomic_hottest},
    {"global_load_bytes", &Counts::global_load_bytes},
    {"global_store_bytes", &Counts::global_store_bytes},
    {"local_requests", &Counts::local_requests},
    {"local_sectors", &Counts::local_sectors},
    {"shared_load_requests", &Counts::shared_load_requests},
    {"shared_load_wavefronts", &Counts::shared_load_wavefronts},
    {"shared_store_requests", &Counts::shared_store_requests},
    {"shared_store_wavefronts", &Counts::shared_store_wavefronts},
    {"shared_atomic_requests", &Counts::shared_atomic_requests},
    {"shared_atomic_wavefronts", &Counts::shared_atomic_wavefronts},
    {"shared_load_requests_merged", &Counts::shared_load_requests_merged},
    {"shared_load_wavefronts_merged", &Counts::shared_load_wavefronts_merged},
    {"shared_store_requests_merged", &Counts::shared_store_requests_merged},
    {"shared_store_wavefronts_merged", &Counts::shared_store_wavefronts_merged},
    {"constant_replays", &Counts::constant_replays},
    {"branches", &Counts::branches},
    {"divergent_branches", &Counts::divergent_branches},
    {"barriers", &Counts::barriers},
    {"block_waits", &Counts::block_waits},
    {"async_copies_dropped", &Counts::async_copies_dropped},
    {"l1_load_wavefronts", &Counts::l1_load_wavefronts},
    {"l1_miss_sectors", &Counts::l1_miss_sectors},
    {"l2_read_sectors", &Counts::l2_read_sectors},
    {"l2_write_sectors", &Counts::l2_write_sectors},
    {"dram_read_sectors", &Counts::dram_read_sectors},
    {"dram_write_sectors", &Counts::dram_write_sectors},
    {"chain_cycles_sum", &Counts::chain_cycles_sum},
    {"chain_cycles_max", &Counts::chain_cycles_max},
    {"block_instructions_max", &Counts::block_instructions_max},
    {"block_pipe_cycles_max", &Counts::block_pipe_cycles_max},
    {"block_replays_max", &Counts::block_replays_max},
    {"block_issue_slots_max", &Counts::block_issue_slots_max},
};
static_assert(sizeof kCounts / sizeof *kCounts + 4 * size_t(Class::count_) == sizeof(Counts) / sizeof(uint64_t),
              "a count of machine.h is missing in the JSON");

void write(Writer &to, const Counts &counts) {
  to.begin('{');
  for (const NamedCount &count : kCounts) to.field(count.name, counts.*count.value);
  write_by_class(to, "warp_by_class", counts.warp_by_class);
  write_by_class(to, "thread_by_class", counts.thread_by_class);
  write_by_class(to, "slots_by_class", counts.slots_by_class);
  write_by_class(to, "block_slots_by_class", counts.block_slots_by_class);
  to.end('}');
}

void write(Writer &to, const Range &range) {
  to.begin('{');
  to.field("least", range.least);
  to.field("most", range.most);
  to.end('}');
}

void write(Writer &to, const StratumReport &stratum) {
  to.begin('{');
  to.field("blocks", stratum.blocks);
  to.field("sampled", stratum.sampled);
  to.key("counts");
  write(to, stratum.counts);
  const std::pair<const char *, Range> ranges[] = {{"warp_instructions", stratum.warp_instructions},
                                                   {"sectors", stratum.sectors},
                                                   {"wavefronts", stratum.wavefronts},
                                                   {"chain_cycles", stratum.chain_cycles}};
  for (const auto &[name, range] : ranges) to.key(name), write(to, range);
  to.end('}');
}

void write(Writer &to, const SampleReport &sample) {
  to.begin('{');
  to.field("in_full", sample.in_full);
  to.field("only", sample.only);
  to.key("strata");
  write(to, sample.strata);
  to.end('}');
}

void write(Writer &to, const LineCounts &line) {
  to.begin('{');
  to.key("source");
  write(to, line.source);
  to.field("ptx_line", line.ptx_line);
  to.field("instruction", line.instruction);
  to.field("warp_instructions", line.warp_instructions);
  to.field("thread_instructions", line.thread_instructions);
  to.field("requests", line.requests);
  to.field("sectors", line.sectors);
  to.field("wavefronts", line.wavefronts);
  to.field("divergent", line.divergent);
  to.field("kind", name_of(line.kind));
  to.field("slots", line.slots);
  to.field("requests_merged", line.requests_merged);
  to.field("wavefronts_merged", line.wavefronts_merged);
  to.end('}');
}

void write(Writer &to, const ParamInfo &param) {
  to.begin('{');
  to.field("offset", param.offset);
  to.field("size", param.size);
  to.field("align", param.align);
  to.field("type", param.type);
  to.end('}');
}

template <class Item>
void write(Writer &to, const std::vector<Item> &items) {
  to.begin('[');
  for (const Item &item : items) write(to, item);
  to.end(']');
}

void write(Writer &to, const KernelInfo &kernel) {
  to.begin('{');
  to.field("name", kernel.name);
  to.key("params");
  write(to, kernel.params);
  to.field("param_bytes", kernel.param_bytes);
  to.field("static_shared_bytes", kernel.static_shared_bytes);
  to.field("local_bytes", kernel.local_bytes);
  to.field("max_threads", kernel.max_threads);
  to.field("instructions", kernel.instructions);
  to.end('}');
}

void write(Writer &to, const Diagnostic &diagnostic) {
  to.begin('{');
  to.field("ptx_line", diagnostic.ptx_line);
  to.field("message", diagnostic.message);
  to.end('}');
}

}  // namespace

std::string to_json(const LaunchReport &report) {
  Writer to;
  to.begin('{');
  to.key("faults");
  write(to, report.faults);
  to.key("remarks");
  write(to, report.remarks);
  to.key("counts");
  write(to, report.counts);
  to.key("lines");
  write(to, report.lines);
  to.field("printed", report.printed);
  to.field("needs_one_thread", report.needs_one_thread);
  to.key("sample");
  write(to, report.sample);
  to.end('}');
  return to.take();
}

std::string to_json(const std::vector<KernelInfo> &kernels) {
  Writer to;
  write(to, kernels);
  return to.take();
}

std::string to_json(const std::vector<Diagnostic> &diagnostics) {
  Writer to;
  write(to, diagnostics);
  return to.take();
}

}  // namespace vgpu
