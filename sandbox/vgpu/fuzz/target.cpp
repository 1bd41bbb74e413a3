#include "target.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>
#include <vector>

#include "../machine.h"

namespace vgpu_fuzz {
namespace {

constexpr uint64_t kBufferBytes = 4096, kBuffers = 3;
constexpr vgpu::Budget kBudget{5000};
// Kernels launched of one input. More of them only make the input slower.
constexpr size_t kKernels = 4;

// How a kernel is launched, read from the first bytes of an input.
struct Settings {
  explicit Settings(std::string_view input) {
    uint8_t byte[8] = {};
    std::memcpy(byte, input.data(), std::min<size_t>(input.size(), sizeof byte));
    switch (byte[2] % 7) {
      case 0: options.counters = false; break;
      case 1: options.lines = true; break;
      case 2: options.caches = true; break;
      case 3: options.caches = options.scoreboard = options.lines = true; break;
      case 4: options.track_uninitialised = true; break;
      case 5: options.check_races = true, options.max_faults = 1 + byte[7] % 8u; break;
      default: options.threads = 2;
    }
    options.max_faults = byte[7] % 2 ? 1 : 16;
    constexpr uint32_t sides[] = {1, 2, 16, 31, 32, 33, 64, 96};
    block = {sides[byte[3] % 8], 1 + byte[3] / 8 % 2u, 1 + byte[3] / 16 % 2u};
    grid = {1 + byte[4] % 4u, 1 + byte[4] / 4 % 2u, 1 + byte[4] / 8 % 2u};
    cooperative = byte[5] % 2;
    dynamic_shared_bytes = byte[5] / 2 % 4 * 1024;
    poison = byte[6] % 2 ? 0x7ff7c0de : byte[6] * 0x01010101u;
    number = byte[7];
  }

  vgpu::Options options;
  vgpu::Dim3 block, grid;
  bool cooperative;
  uint32_t dynamic_shared_bytes, poison, number;
};

struct Ending {
  vgpu::LaunchReport report;
  std::vector<uint8_t> memory;
};

std::shared_ptr<const vgpu::Module> load(std::string_view input) {
  std::vector<vgpu::Diagnostic> diagnostics;
  auto module = vgpu::Module::load(input, diagnostics);
  if (!module && diagnostics.empty()) throw std::logic_error("refused without a diagnostic");
  return module;
}

// Parameters that can hold an address get one of a buffer; the others a number.
std::vector<uint8_t> fill_params(const vgpu::KernelInfo &kernel, const uint64_t *buffers, uint32_t number) {
  std::vector<uint8_t> params(kernel.param_bytes, uint8_t(number));
  uint64_t next = 0;
  for (const vgpu::ParamInfo &each : kernel.params) {
    if (each.size == 8) std::memcpy(&params[each.offset], &buffers[next++ % kBuffers], 8);
    if (each.size == 4) std::memcpy(&params[each.offset], &number, 4);
  }
  return params;
}

Ending launch(std::string_view input, size_t kernel, const Settings &settings, const vgpu::Options &options) {
  const auto module = load(input);
  vgpu::Limits limits;
  limits.memory_bytes = 64 << 20;
  vgpu::Machine machine(module, limits);
  machine.set_poison(settings.poison);
  uint64_t buffers[kBuffers];
  for (uint64_t &each : buffers) each = machine.allocate("buffer", kBufferBytes);
  std::vector<uint32_t> values(kBufferBytes / 4);
  for (uint32_t i = 0; i < values.size(); ++i) values[i] = i * settings.number;
  machine.write(buffers[0], values.data(), kBufferBytes);
  const vgpu::KernelInfo &info = module->kernels()[kernel];
  vgpu::Launch what;
  what.kernel = info.name;
  what.grid = settings.grid;
  what.block = settings.block;
  what.dynamic_shared_bytes = settings.dynamic_shared_bytes;
  what.cooperative = settings.cooperative;
  what.params = fill_params(info, buffers, settings.number);
  Ending ending{machine.launch(what, options, kBudget), {}};
  ending.memory.resize(kBuffers * kBufferBytes);
  for (uint64_t i = 0; i < kBuffers; ++i) machine.read(buffers[i], &ending.memory[i * kBufferBytes], kBufferBytes);
  return ending;
}

// A launch that the memory of the machine does not suffice for has no ending, and that is an answer too.
bool has_ending(std::string_view input, size_t kernel, const Settings &settings, const vgpu::Options &options,
                Ending &ending) {
  try {
    ending = launch(input, kernel, settings, options);
    return true;
  } catch (const std::bad_alloc &) {
    return false;
  } catch (const std::invalid_argument &) {
    return false;      // what the caller is told in words: an initialiser that names no variable, for one
  }
}

void compare_launches(std::string_view input, size_t kernel, const Settings &settings) {
  vgpu::Options counters;
  Ending plain, chosen;
  if (!has_ending(input, kernel, settings, counters, plain)) return;
  if (!has_ending(input, kernel, settings, settings.options, chosen)) return;
  const vgpu::Counts &first = plain.report.counts, &second = chosen.report.counts;
  if (first.warp_instructions > 2 * kBudget.warp_instructions) throw std::logic_error("the budget did not hold");
  if (!plain.report.faults.empty() || !chosen.report.faults.empty() || chosen.report.needs_one_thread) return;
  if (plain.memory != chosen.memory) throw std::logic_error("what is observed changed the results");
  if (!settings.options.counters) return;
  if (first.warp_instructions != second.warp_instructions || first.thread_instructions != second.thread_instructions ||
      first.global_load_sectors != second.global_load_sectors) {
    throw std::logic_error("what is observed changed the counts");
  }
}

}  // namespace

void try_loading(std::string_view input) { load(input); }

void try_launching(std::string_view input) {
  const auto module = load(input);
  if (!module) return;
  const Settings settings(input);
  for (size_t kernel = 0; kernel < std::min(module->kernels().size(), kKernels); ++kernel) {
    compare_launches(input, kernel, settings);
  }
}

}  // namespace vgpu_fuzz
