// See report_json.h. The grammar is RFC 8259: https://www.rfc-editor.org/rfc/rfc8259. Text that a kernel printed may be
// any bytes; what is not UTF-8 becomes U+FFFD, so that the result is always valid.
#include "report_json.h"

#include <cstdio>
#include <utility>

namespace vgpu {
namespace {

// Bytes of the UTF-8 sequence that starts at text[at]; 0 when there is none (RFC 3629 without its surrogate subtleties:
// overlong forms and surrogates are refused by the bounds on the second byte).
size_t utf8_length(const std::string &text, size_t at) {
  const auto byte = [&](size_t i) { return at + i < text.size() ? uint8_t(text[at + i]) : uint8_t(0); };
  const auto follows = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint8_t first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool bad = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f);
    return !bad && follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool bad = (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
    return !bad && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

void append_escaped(std::string &out, char character) {
  switch (character) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\t': out += "\\t"; return;
    case '\r': out += "\\r"; return;
    default: break;
  }
  if (uint8_t(character) >= 0x20) {
    out += character;
    return;
  }
  char code[8];
  std::snprintf(code, sizeof code, "\\u%04x", unsigned(uint8_t(character)));
  out += code;
}

// Writes one JSON value into a string, with commas where they belong.
class Writer {
 public:
  std::string take() { return std::move(out_); }

  void begin(char bracket) { separate(); out_ += bracket; first_ = true; }
  void end(char bracket) { out_ += bracket; first_ = false; }
  void key(const char *name) { text(name); out_ += ':'; first_ = true; }

  void number(uint64_t value) { separate(); out_ += std::to_string(value); }
  void signed_number(int64_t value) { separate(); out_ += std::to_string(value); }
  void text(const std::string &value) {
    separate();
    out_ += '"';
    for (size_t at = 0; at < value.size();) {
      const size_t length = utf8_length(value, at);
      if (length == 0) out_ += "\\ufffd";
      else if (length == 1) append_escaped(out_, value[at]);
      else out_.append(value, at, length);
      at += length ? length : 1;
    }
    out_ += '"';
  }

  void field(const char *name, uint64_t value) { key(name); number(value); }
  void field(const char *name, const std::string &value) { key(name); text(value); }
  void field(const char *name, const Dim3 &value) {
    key(name);
    begin('[');
    number(value.x);
    number(value.y);
    number(value.z);
    end(']');
  }

 private:
  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  std::string out_;
  bool first_ = true;
};

void write(Writer &to, const SourceLine &source) {
  to.begin('{');
  to.field("file", source.file);
  to.field("line", source.line);
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
    {"branches", &Counts::branches},
    {"divergent_branches", &Counts::divergent_branches},
    {"barriers", &Counts::barriers},
    {"async_copies_dropped", &Counts::async_copies_dropped},
    {"l1_miss_sectors", &Counts::l1_miss_sectors},
    {"l2_read_sectors", &Counts::l2_read_sectors},
    {"l2_write_sectors", &Counts::l2_write_sectors},
    {"dram_read_sectors", &Counts::dram_read_sectors},
    {"dram_write_sectors", &Counts::dram_write_sectors},
    {"chain_cycles_sum", &Counts::chain_cycles_sum},
    {"chain_cycles_max", &Counts::chain_cycles_max},
};
static_assert(sizeof kCounts / sizeof *kCounts + 3 * size_t(Class::count_) == sizeof(Counts) / sizeof(uint64_t),
              "a count of machine.h is missing in the JSON");

void write(Writer &to, const Counts &counts) {
  to.begin('{');
  for (const NamedCount &count : kCounts) to.field(count.name, counts.*count.value);
  write_by_class(to, "warp_by_class", counts.warp_by_class);
  write_by_class(to, "thread_by_class", counts.thread_by_class);
  write_by_class(to, "slots_by_class", counts.slots_by_class);
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
  to.key("counts");
  write(to, report.counts);
  to.key("lines");
  write(to, report.lines);
  to.field("printed", report.printed);
  to.field("needs_one_thread", report.needs_one_thread);
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
