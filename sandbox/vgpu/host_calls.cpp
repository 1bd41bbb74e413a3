#include "host_calls.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>

#include "lower/calls.h"
#include "observe/scoreboard.h"

namespace vgpu {

namespace {

HostState &state_of(Run &run) { return *static_cast<HostState *>(run.host); }

// Argument number `index` of the call in one lane.
uint64_t argument(const Run &run, const Warp &w, const Op *op, size_t index, uint32_t lane) {
  const Copy &copy = run.program->calls[op->v[0]].arguments.at(index);
  const auto word = [&](uint32_t i) {
    return reinterpret_cast<const uint32_t *>(w.frame + copy.from + i * 128)[lane];
  };
  return copy.words == 1 ? word(0) : word(0) | uint64_t(word(1)) << 32;
}

void set_result(const Run &run, const Warp &w, const Op *op, uint32_t lane, uint64_t value) {
  for (const Copy &copy : run.program->calls[op->v[0]].returns) {
    for (uint32_t i = 0; i < copy.words; ++i) {
      reinterpret_cast<uint32_t *>(w.frame + copy.from + i * 128)[lane] = uint32_t(value >> (32 * i));
      if (w.known) w.known[(w.frame + copy.from + i * 128 - w.frames) / 4] |= 1u << lane;
    }
  }
}

// Host address of a generic address in one thread, or null where the range is not readable.
const char *readable(const Run &run, const Warp &w, uint32_t lane, uint64_t address, uint64_t bytes) {
  if (address - kLocalWindow < kWindowBytes) {
    const uint64_t offset = address - kLocalWindow;
    const bool inside = offset + bytes <= run.local_stride;
    return inside ? run.local + (w.first_thread + lane) * run.local_stride + offset : nullptr;
  }
  if (address - kSharedWindow < kWindowBytes) {
    const uint64_t offset = address - kSharedWindow;
    const Extent *end = run.shared_extents + run.shared_extent_count;
    const bool inside = std::any_of(run.shared_extents, end, [=](const Extent &each) {
      return offset >= each.low && offset + bytes <= each.high;
    });
    return inside ? run.shared + offset : nullptr;
  }
  const HostState &state = *static_cast<const HostState *>(run.host);
  return state.arena.find(address, bytes) ? state.arena.host(address) : nullptr;
}

std::string text_at(const Run &run, const Warp &w, uint32_t lane, uint64_t address, size_t most = 4096) {
  std::string text;
  for (const char *c; text.size() < most && (c = readable(run, w, lane, address + text.size(), 1)) && *c;) text += *c;
  return text;
}

// The values behind a format: each is aligned to its own size.
class Values {
 public:
  Values(Run &run, const Warp &w, uint32_t lane, uint64_t address)
      : run_(run), w_(w), lane_(lane), address_(address) {}
  uint64_t next(uint32_t bytes) {
    at_ = (at_ + bytes - 1) / bytes * bytes;
    uint64_t value = 0;
    if (const char *from = readable(run_, w_, lane_, address_ + at_, bytes)) {
      std::memcpy(&value, from, bytes);
      if (!unknown_ && w_.known) unknown_ = is_unknown(address_ + at_, bytes);
    }
    at_ += bytes;
    return value;
  }
  // Whether some value was never written, and where it came from.
  bool unknown() const { return unknown_; }
  uint64_t origin() const { return origin_; }

 private:
  // Values are in the caller's local memory.
  bool is_unknown(uint64_t address, uint32_t bytes) {
    if (address - kLocalWindow >= kWindowBytes) return false;
    const uint64_t at = (w_.first_thread + lane_) * run_.local_stride + address - kLocalWindow;
    uint64_t bits = 0;
    for (uint32_t i = 0; i < bytes; ++i) {
      if (!(run_.known_local[(at + i) / 8] >> (at + i) % 8 & 1)) bits |= uint64_t(0xff) << 8 * i;
    }
    if (bits) run_.recall_call(run_, Space::local, at, bytes, bits, origin_);
    return bits != 0;
  }

  Run &run_;
  const Warp &w_;
  uint32_t lane_;
  uint64_t address_, at_ = 0, origin_ = 0;
  bool unknown_ = false;
};

constexpr size_t kConverted = 512;     // characters of one conversion, at most

// Widths and precisions far beyond what is kept would only cost the host's time: they become 999. A zero before a width
// is a flag.
std::string bound_numbers(const std::string &flags) {
  std::string bounded;
  for (size_t at = 0, digits; at < flags.size(); at += digits + 1) {
    if (flags[at] == '0') bounded += '0', at = std::min(flags.find_first_not_of('0', at), flags.size());
    digits = std::min(flags.find_first_not_of("0123456789", at), flags.size()) - at;
    bounded += digits > 3 ? "999" : flags.substr(at, digits);
    if (at + digits < flags.size()) bounded += flags[at + digits];
  }
  return bounded;
}

// One conversion of a format, such as %-8.3f, with its value.
std::string convert(const Run &run, const Warp &w, uint32_t lane, const std::string &conversion, Values &values) {
  const char kind = conversion.back();
  std::string flags = bound_numbers(conversion.substr(0, conversion.size() - 1));
  const bool is_long = flags.find('l') != std::string::npos;
  while (!flags.empty() && std::strchr("lhzjt", flags.back())) flags.pop_back();
  char out[kConverted];
  out[0] = '\0';
  if (std::strchr("feEgGaA", kind)) {
    double value;
    const uint64_t bits = values.next(8);
    std::memcpy(&value, &bits, 8);
    std::snprintf(out, sizeof out, (flags + kind).c_str(), value);
  } else if (kind == 's') {
    std::snprintf(out, sizeof out, (flags + kind).c_str(), text_at(run, w, lane, values.next(8), kConverted).c_str());
  } else if (kind == 'p') {
    std::snprintf(out, sizeof out, "0x%llx", static_cast<unsigned long long>(values.next(8)));
  } else if (kind == 'c') {
    std::snprintf(out, sizeof out, (flags + kind).c_str(), static_cast<int>(values.next(4)));
  } else if (std::strchr("diuoxX", kind)) {
    const uint64_t raw = values.next(is_long ? 8 : 4);
    const bool negative = kind == 'd' || kind == 'i';
    const long long value = negative && !is_long ? static_cast<int32_t>(raw) : static_cast<long long>(raw);
    std::snprintf(out, sizeof out, (flags + "ll" + kind).c_str(), value);
  }
  return out;
}

std::string format(const Run &run, const Warp &w, uint32_t lane, const std::string &text, Values &values) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const size_t end = text.find_first_not_of("-+ #0123456789.lhzjt", i + 1);
    if (end == std::string::npos) break;
    if (text[end] == '%') out += '%';
    else out += convert(run, w, lane, text.substr(i, end - i + 1), values);
    i = end;
  }
  return out;
}

void print(Run &run, Warp &w, const Op *op, uint32_t lane) {
  std::string &printed = state_of(run).printed;
  const std::string text = text_at(run, w, lane, argument(run, w, op, 0, lane));
  Values values(run, w, lane, argument(run, w, op, 1, lane));
  if (printed.size() < kPrintedCap) printed += format(run, w, lane, text, values);
  if (printed.size() > kPrintedCap) printed.resize(kPrintedCap);
  if (values.unknown()) {
    Finding finding;
    finding.stop = {true, FaultKind::uninitialised_value, op, w.id, lane, Space::generic, 0, 0,
                    "an uninitialised value is printed", 0, 0, values.origin()};
    finding.is_remark = true;
    run.finding_call(run, finding);
  }
  set_result(run, w, op, lane, 0);
}

bool fail_assertion(Run &run, Warp &w, const Op *op, uint32_t lane) {
  HostState &state = state_of(run);
  const std::string line = std::to_string(uint32_t(argument(run, w, op, 2, lane)));
  state.assertion = text_at(run, w, lane, argument(run, w, op, 1, lane)) + ":" + line + ": " +
                    text_at(run, w, lane, argument(run, w, op, 3, lane)) + ": assertion `" +
                    text_at(run, w, lane, argument(run, w, op, 0, lane)) + "` failed";
  run.stop = {true, FaultKind::trap, op, w.id, lane, Space::generic, 0, 0, state.assertion.c_str()};
  return false;
}

// Device heap blocks are ordinary allocations with guard bands; they last until the machine ends. Null when memory is
// gone.
void allocate(Run &run, Warp &w, const Op *op, uint32_t lane) {
  Arena &arena = state_of(run).arena;
  uint64_t address = 0;
  try {
    address = arena.allocate("device heap", argument(run, w, op, 0, lane), 0);
  } catch (const std::bad_alloc &) {
    address = 0;   // as malloc in device code reports it
  }
  run.extents = arena.extents().data();
  run.extent_count = uint32_t(arena.extents().size());
  set_result(run, w, op, lane, address);
}

}  // namespace

uint32_t ask_caches(Run &run, Access access, const uint64_t *address, uint32_t mask, uint32_t bytes) {
  CacheModel &caches = *state_of(run).caches;
  const Timing &t = state_of(run).timing;
  const uint64_t before = caches.load_cycles();
  const CacheModel::Hit hit = access == Access::load    ? caches.load(address, mask, bytes)
                              : access == Access::store ? caches.store(address, mask, bytes)
                                                        : caches.atomic(address, mask, bytes);
  // Loads take the cycles of their banks or lines, the rest goes by sectors, four a cycle.
  const uint64_t sectors = access == Access::load ? 0 : hit.l2_hit + hit.dram;
  if (run.scoreboard) run.scoreboard->use_banks(4 * (caches.load_cycles() - before) + sectors);
  if (access == Access::store) return t.alu;
  if (access == Access::atomic) return hit.dram ? t.atomic + t.dram - t.l2_hit : t.atomic;
  return hit.dram ? t.dram : hit.l2_hit ? t.l2_hit : t.l1_hit;
}

uint32_t pass_caches(Run &run, Access access, const uint64_t *address, uint32_t mask, uint32_t bytes) {
  // Blocks with atomics are never outside a sample.
  state_of(run).caches->pass(access != Access::load, address, mask, bytes);
  return 0;
}

void tally_update(Run &run, uint64_t address, uint64_t updates) { state_of(run).tally.add(address, updates); }

bool call_host_function(Run &run, Warp &w, const Op *op) {
  for (uint32_t rest = w.mask; rest; rest &= rest - 1) {
    const uint32_t lane = uint32_t(__builtin_ctz(rest));
    switch (HostFunction(op->kind)) {
      case HostFunction::vprintf: print(run, w, op, lane); break;
      case HostFunction::assertfail: return fail_assertion(run, w, op, lane);
      case HostFunction::malloc: allocate(run, w, op, lane); break;
      case HostFunction::free: break;
    }
  }
  return true;
}

}  // namespace vgpu
