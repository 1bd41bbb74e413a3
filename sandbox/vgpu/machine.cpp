#include "machine.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>

#include "launch.h"
#include "lower/lower.h"
#include "ptx/parser.h"

namespace vgpu {
namespace {

// Of all kernels of a module together. Every kernel has its own copy of the functions that it reaches, so that a short
// text could fill the host's memory otherwise.
constexpr size_t kMaxOperations = 1 << 21;

uint32_t line_of(const ptx::Function &function) { return function.body.empty() ? 1 : function.body.front().line; }

// An initialiser may hold the address of a variable or a function of the module.
bool names_are_known(const ptx::Module &module, const Image &image, std::vector<Diagnostic> &diagnostics) {
  const size_t before = diagnostics.size();
  for (const Placed &placed : image.variables) {
    for (const ptx::Relocation &each : placed.variable->relocations) {
      if (image.address.count(each.symbol)) continue;
      const auto line = std::count(module.text.data(), each.symbol.data(), '\n') + 1;
      diagnostics.push_back({uint32_t(line), "the initialiser of '" + std::string(placed.variable->name) + "' names '" +
                                                 std::string(each.symbol) +
                                                 "', which is not a variable or function of this module"});
    }
  }
  return diagnostics.size() == before;
}

}  // namespace

std::shared_ptr<const Module> Module::load(std::string_view ptx, std::vector<Diagnostic> &diagnostics) {
  auto loaded = std::make_shared<LoadedModule>();
  loaded->tree = ptx::parse(ptx, diagnostics);
  if (!loaded->tree) return nullptr;
  loaded->image = place(*loaded->tree);
  if (!names_are_known(*loaded->tree, loaded->image, diagnostics)) return nullptr;
  // From here the text is well formed; what is not executed is found when it is reached.
  size_t operations = 0;
  for (uint32_t i = 0; i < loaded->tree->functions.size(); ++i) {
    const ptx::Function &function = loaded->tree->functions[i];
    if (!function.entry || !function.defined) continue;
    loaded->programs.push_back(lower(*loaded->tree, loaded->image, i));
    loaded->infos.push_back(loaded->programs.back().info);
    operations += loaded->programs.back().ops.size();
    if (operations <= kMaxOperations) continue;
    diagnostics.push_back({line_of(function), "the kernels of this text have more than " +
                                                  std::to_string(kMaxOperations) +
                                                  " operations with all that they call; load them in several modules"});
    return nullptr;
  }
  return loaded;
}

struct Machine::State {
  State(std::shared_ptr<const LoadedModule> loaded, const Limits &given)
      : module(std::move(loaded)),
        limits(given),
        arena(module->image.end - kGlobalBase + kGuardBand, given.memory_bytes),
        claims(arena) {}

  void place_variables();
  void write_relocations(const Placed &);
  CacheModel *caches_for(const Options &);

  std::shared_ptr<const LoadedModule> module;
  Limits limits;
  Arena arena;
  ClaimPool claims;                          // of launches on several threads
  RaceMemory races;                          // of launches that check races
  uint32_t poison = 0xdeadbeef;
  uint64_t launches = 0;
  bool all_tracked = true;                   // false: some launch wrote without tracking
  std::unique_ptr<CacheModel> caches;
  uint64_t cache_bytes[2] = {0, 0};
};

void Machine::State::place_variables() {
  uint64_t bytes = 0;
  for (const Placed &each : module->image.variables) bytes += each.variable->bytes;
  if (bytes > limits.memory_bytes) throw std::bad_alloc();
  arena.allocate_at("grid synchronisation workspace", kWorkspaceAddress, kWorkspaceBytes, true);
  arena.mark(kWorkspaceAddress, kWorkspaceBytes, true);
  arena.allocate_at("kernel parameters", kParamAddress, kParamBytes, false);
  arena.mark(kParamAddress, kParamBytes, true);
  for (const Placed &each : module->image.variables) {
    const ptx::Variable &variable = *each.variable;
    arena.allocate_at(std::string(variable.name), each.address, variable.bytes, variable.space != Space::constant);
    std::copy(variable.content.begin(), variable.content.end(), arena.host(each.address));
    arena.mark(each.address, variable.bytes, true);      // variables without an initialiser are zero
  }
  for (const Placed &each : module->image.variables) write_relocations(each);
}

void Machine::State::write_relocations(const Placed &placed) {
  for (const ptx::Relocation &each : placed.variable->relocations) {
    const uint64_t value = module->image.address.at(each.symbol) + uint64_t(each.addend);
    std::memcpy(arena.host(placed.address + each.offset), &value, std::min<uint32_t>(each.bytes, 8));
  }
}

// L2 keeps its content from launch to launch, as long as the sizes stay the same.
CacheModel *Machine::State::caches_for(const Options &options) {
  if (!options.caches && !options.scoreboard) return nullptr;
  const bool same = cache_bytes[0] == options.timing.l1_bytes && cache_bytes[1] == options.timing.l2_bytes;
  if (!caches || !same) caches = std::make_unique<CacheModel>(options.timing);
  cache_bytes[0] = options.timing.l1_bytes;
  cache_bytes[1] = options.timing.l2_bytes;
  return caches.get();
}

Machine::Machine(std::shared_ptr<const Module> module, const Limits &limits) {
  auto loaded = std::dynamic_pointer_cast<const LoadedModule>(module);
  if (!loaded) throw std::invalid_argument("a Machine needs a module that Module::load returned");
  state_ = std::make_unique<State>(std::move(loaded), limits);
  state_->place_variables();
}
Machine::~Machine() = default;

uint64_t Machine::allocate(const std::string &name, uint64_t bytes, uint32_t skew) {
  const uint64_t address = state_->arena.allocate(name, bytes, skew);
  poison(address, bytes);
  return address;
}

namespace {
void require_inside(const Arena &arena, uint64_t address, uint64_t bytes) {
  if (arena.find(address, bytes)) return;
  throw std::invalid_argument("the range of " + std::to_string(bytes) + " bytes at " + std::to_string(address) +
                              " is not inside one allocation");
}
}  // namespace

void Machine::write(uint64_t address, const void *data, uint64_t bytes) {
  require_inside(state_->arena, address, bytes);
  std::memcpy(state_->arena.host(address), data, bytes);
  state_->arena.mark(address, bytes, true);
}

void Machine::read(uint64_t address, void *data, uint64_t bytes) const {
  require_inside(state_->arena, address, bytes);
  std::memcpy(data, state_->arena.host(address), bytes);
}

// The pattern is laid out by device address, so that it reads as the same word at any offset that is a multiple of 4.
void Machine::poison(uint64_t address, uint64_t bytes) {
  require_inside(state_->arena, address, bytes);
  char *host = state_->arena.host(address);
  char pattern[8];
  for (uint32_t i = 0; i < 8; ++i) pattern[i] = char(state_->poison >> (8 * ((address + i) % 4)));
  uint64_t i = 0;
  for (; i + 8 <= bytes; i += 8) std::memcpy(host + i, pattern, 8);
  for (; i < bytes; ++i) host[i] = pattern[i % 8];
  state_->arena.mark(address, bytes, false);
}

void Machine::set_poison(uint32_t pattern) { state_->poison = pattern; }

int64_t Machine::first_uninitialised(uint64_t address, uint64_t bytes) const {
  require_inside(state_->arena, address, bytes);
  return state_->arena.first_unknown(address, bytes);
}

LaunchReport Machine::launch(const Launch &launch, const Options &options, Budget budget) {
  const Program *program = state_->module->find(launch.kernel);
  if (!program) throw std::invalid_argument("the module has no kernel '" + launch.kernel + "'");
  if (launch.params.size() != program->info.param_bytes) {
    throw std::invalid_argument("kernel '" + launch.kernel + "' takes " + std::to_string(program->info.param_bytes) +
                                " bytes of parameters, not " + std::to_string(launch.params.size()));
  }
  if (options.track_uninitialised && !state_->all_tracked) {
    // What an untracked launch wrote is not recorded: take everything that exists for initialised.
    state_->arena.mark_everything_known();
    state_->all_tracked = true;
  }
  if (!options.track_uninitialised) state_->all_tracked = false;
  std::copy(launch.params.begin(), launch.params.end(), state_->arena.host(kParamAddress));
  if (launch.cooperative) {
    const uint32_t workspace[kWorkspaceBytes / 4] = {uint32_t(kWorkspaceBytes), 0};
    std::memcpy(state_->arena.host(kWorkspaceAddress), workspace, sizeof workspace);
  }
  const LaunchContext context{*state_->module, state_->limits, state_->arena, state_->poison, state_->launches++,
                              state_->caches_for(options), state_->claims, state_->races};
  return run_launch(context, *program, launch, options, budget);
}

}  // namespace vgpu
