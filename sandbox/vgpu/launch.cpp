#include "launch.h"

#include <algorithm>
#include <cstring>

#include "exec/executor.h"
#include "exec/frame.h"
#include "host_calls.h"
#include "isa/isa.h"
#include "observe/scoreboard.h"
#include "report.h"

namespace vgpu {

namespace {

constexpr uint32_t kWarp = 32;
constexpr uint64_t kCallFrameBytes = 512 << 10;  // at least, for a warp's nested calls, if functions are called at all
constexpr uint64_t kCallLocalBytes = 16384;

Watch watch_for(const Options &options) {
  if (options.track_uninitialised) return Watch::tracking;
  if (options.scoreboard || options.caches) return Watch::timing;
  return options.counters || options.lines ? Watch::counters : Watch::nothing;
}

// Cycles until the result of each form is there; 0 for what is not an instruction. Memory forms report their own.
std::vector<uint32_t> latencies_of(const Timing &t) {
  std::vector<uint32_t> cycles(form_count);
  for (uint16_t form = 0; form < form_count; ++form) {
    switch (form_row(form).cls) {
      case Class::fp64: cycles[form] = t.fp64; break;
      case Class::special: cycles[form] = t.special; break;
      case Class::shared_load: case Class::shared_store: case Class::shared_atomic: cycles[form] = t.shared; break;
      case Class::global_load: cycles[form] = t.l1_hit; break;
      case Class::local_load: case Class::local_store: cycles[form] = t.l1_hit; break;
      case Class::global_atomic: cycles[form] = t.atomic; break;
      case Class::shuffle: case Class::vote: cycles[form] = t.shuffle; break;
      case Class::constant_load: cycles[form] = t.constant; break;
      case Class::matrix: cycles[form] = t.matrix; break;
      default: cycles[form] = t.alu; break;
    }
    // A long expansion issues for as many cycles as it has instructions.
    if (form_row(form).slots > 1 && cycles[form] == t.alu) cycles[form] += form_row(form).slots - 1;
  }
  for (const uint16_t form : {form_enter_block, form_guard, form_unguard}) cycles[form] = 0;
  return cycles;
}

class Launcher {
 public:
  Launcher(const LaunchContext &context, const Program &program, const Launch &launch, const Options &options,
           Budget budget);
  LaunchReport run();

 private:
  void bind_operations();
  void make_warps();
  void start_block(uint64_t number);
  void run_block();
  void run_ready_warps();
  bool release_barriers();
  bool release_barrier(uint32_t id);
  void finish_waiting(uint32_t id);
  void report_deadlock();
  void poison_words(char *memory, uint64_t bytes) const;
  Counts base_counts() const;

  const LaunchContext &context_;
  const Program &program_;
  const Launch &launch_;
  const Options &options_;
  const Executor &executor_;
  Watch watch_;
  HostState host_;
  Run run_;
  std::vector<Op> ops_;
  std::vector<OpCounts> counts_;
  std::vector<uint32_t> latencies_;
  std::vector<Warp> warps_;
  std::unique_ptr<Pages> frames_, known_, local_, stacks_, shared_, known_memory_;
  std::unique_ptr<Scoreboard> scoreboard_;
  uint64_t blocks_ = 0, chain_sum_ = 0, chain_max_ = 0;
  uint32_t stop_lanes_ = 0;
};

Launcher::Launcher(const LaunchContext &context, const Program &program, const Launch &launch, const Options &options,
                   Budget budget)
    : context_(context),
      program_(program),
      launch_(launch),
      options_(options),
      executor_(best_executor()),
      watch_(watch_for(options)),
      host_{context.arena, "", "", {}, context.caches, options.timing},
      counts_(program.ops.size()),
      latencies_(latencies_of(options.timing)) {
  run_.program = &program;
  run_.counts = counts_.data();
  run_.budget = int64_t(std::min<uint64_t>(budget.warp_instructions, uint64_t(1) << 62));
  run_.bias = context.arena.bias();
  run_.extents = context.arena.extents().data();
  run_.extent_count = uint32_t(context.arena.extents().size());
  run_.params = launch.params.data();
  run_.grid = launch.grid;
  run_.block = launch.block;
  run_.threads = uint32_t(launch.block.count());
  run_.warps = (run_.threads + kWarp - 1) / kWarp;
  run_.dynamic_shared_bytes = launch.dynamic_shared_bytes;
  run_.poison = context.poison;
  run_.grid_id = context.grid_id;
  run_.sms = context.limits.sms;
  run_.cache_call = ask_caches;
  run_.latencies = latencies_.data();
  run_.host_call = call_host_function;
  run_.tally_call = tally_update;
  run_.host = &host_;
  bind_operations();
  make_warps();
}

void Launcher::bind_operations() {
  ops_ = program_.ops;
  executor_.bind(ops_.data(), ops_.size(), watch_, options_.plain);
  run_.ops = ops_.data();
}

void Launcher::make_warps() {
  uint64_t frame_bytes = program_.functions[0].frame_bytes, local_bytes = program_.functions[0].local_bytes,
           callees = 0;
  for (const FunctionCode &code : program_.functions) callees += code.frame_bytes;
  if (program_.has_calls) frame_bytes += std::max(callees, kCallFrameBytes), local_bytes += kCallLocalBytes;
  frame_bytes = (frame_bytes + 127) / 128 * 128;
  run_.local_stride = (local_bytes + 15) / 16 * 16;
  run_.shared_bytes = launch_.dynamic_shared_bytes ? program_.dynamic_shared_offset + launch_.dynamic_shared_bytes
                                                   : program_.static_shared_bytes;
  frames_ = std::make_unique<Pages>(frame_bytes * run_.warps);
  stacks_ = std::make_unique<Pages>(sizeof(Entry) * kStackEntries * run_.warps);
  local_ = std::make_unique<Pages>(run_.local_stride * run_.warps * kWarp);
  shared_ = std::make_unique<Pages>(run_.shared_bytes + 64);
  run_.local = local_->data();
  run_.shared = shared_->data();
  const bool tracks = watch_ == Watch::tracking;
  if (tracks) {
    known_ = std::make_unique<Pages>(frame_bytes * run_.warps);
    known_memory_ = std::make_unique<Pages>((run_.shared_bytes + run_.local_stride * run_.warps * kWarp) / 8 + 64);
    run_.known_shared = reinterpret_cast<uint8_t *>(known_memory_->data());
    run_.known_local = run_.known_shared + run_.shared_bytes / 8 + 16;
    run_.known_global = context_.arena.known_bias();
  }
  if (watch_ == Watch::timing) {
    scoreboard_ = std::make_unique<Scoreboard>(options_.timing, program_.unit_count + 1, run_.warps);
    run_.scoreboard = scoreboard_.get();
  }
  warps_.resize(run_.warps);
  for (uint32_t id = 0; id < run_.warps; ++id) {
    Warp &w = warps_[id];
    w.run = &run_;
    w.id = id;
    w.first_thread = id * kWarp;
    w.frames = frames_->data() + frame_bytes * id;
    w.frames_end = w.frames + frame_bytes;
    w.stack = reinterpret_cast<Entry *>(stacks_->data()) + size_t(kStackEntries) * id;
    w.known = tracks ? reinterpret_cast<uint32_t *>(known_->data() + frame_bytes * id) : nullptr;
    prepare_frame(run_, w, program_.functions[0], w.frames);
  }
}

void Launcher::poison_words(char *memory, uint64_t bytes) const {
  for (uint64_t i = 0; i < bytes; i += 4) std::memcpy(memory + i, &run_.poison, 4);
}

void Launcher::start_block(uint64_t number) {
  const Dim3 &grid = launch_.grid;
  run_.block_index = {uint32_t(number % grid.x), uint32_t(number / grid.x % grid.y),
                      uint32_t(number / grid.x / grid.y)};
  run_.block_number = uint32_t(number);
  poison_words(run_.shared, run_.shared_bytes);
  if (run_.known_shared) std::memset(run_.known_shared, 0, run_.shared_bytes / 8 + 1);
  const uint32_t local = program_.functions[0].local_bytes;
  for (uint32_t thread = 0; local && thread < run_.threads; ++thread)
    poison_words(run_.local + thread * run_.local_stride, local);
  if (run_.known_local) std::memset(run_.known_local, 0, run_.local_stride * run_.warps * kWarp / 8);
  for (Barrier &barrier : run_.barriers) barrier = Barrier{};
  for (Warp &w : warps_) {
    const uint32_t left = run_.threads - w.first_thread;
    w.live = w.mask = left >= kWarp ? 0xffffffffu : (1u << left) - 1;
    w.frame = w.frames;
    w.reconverge = kNone;
    w.returned = w.carry = w.top = w.depth = w.local_base = 0;
    w.state = WarpState::ready;
    w.resume = run_.ops + program_.functions[0].entry;
    prepare_block(run_, w, program_.functions[0]);
  }
  if (context_.caches) context_.caches->begin_block();
  if (scoreboard_) scoreboard_->begin_block();
}

void Launcher::run_ready_warps() {
  for (Warp &w : warps_) {
    if (w.state != WarpState::ready) continue;
    executor_.execute(w, w.resume, watch_);
    if (!run_.stop.stopped) continue;
    stop_lanes_ = uint32_t(__builtin_popcount(w.mask));
    return;
  }
}

void Launcher::finish_waiting(uint32_t id) {
  uint32_t voters = 0, yes = 0;
  for (const Warp &w : warps_) {
    if (w.state != WarpState::at_barrier || w.barrier != id) continue;
    voters += uint32_t(__builtin_popcount(w.mask));
    yes += uint32_t(__builtin_popcount(w.mask & w.vote));
  }
  for (Warp &w : warps_) {
    if (w.state != WarpState::at_barrier || w.barrier != id) continue;
    w.state = WarpState::ready;
    const Op &op = *w.waiting;
    if (op.form == form_bar_red_pred) {
      const bool result = op.kind == 1 ? yes == voters : yes != 0;      // .and, .or
      uint32_t &predicate = *reinterpret_cast<uint32_t *>(w.frame + op.d);
      predicate = (predicate & ~w.mask) | (result ? w.mask : 0);
    } else if (op.form == form_bar_red_popc) {
      for (uint32_t lane = 0; lane < kWarp; ++lane) {
        if (w.mask >> lane & 1) reinterpret_cast<uint32_t *>(w.frame + op.d)[lane] = yes;
      }
    }
  }
}

// Opens barrier `id` if everybody it waits for is there. Without a count that is every warp that has not ended.
bool Launcher::release_barrier(uint32_t id) {
  uint32_t waiting = 0, running = 0, expected = run_.barriers[id].expected;
  for (const Warp &w : warps_) {
    running += w.state != WarpState::done;
    if (w.state != WarpState::at_barrier || w.barrier != id) continue;
    ++waiting;
    expected = std::max(expected, w.barrier_threads);
  }
  const bool complete = expected ? waiting * kWarp + run_.barriers[id].arrived_threads >= expected : waiting == running;
  if (waiting == 0 || !complete) return false;
  finish_waiting(id);
  run_.barriers[id] = Barrier{};
  if (scoreboard_) scoreboard_->barrier();
  return true;
}

bool Launcher::release_barriers() {
  bool any = false;
  for (uint32_t id = 0; id < 16; ++id) any |= release_barrier(id);
  return any;
}

void Launcher::report_deadlock() {
  for (Warp &w : warps_) {
    if (w.state != WarpState::at_barrier) continue;
    const uint32_t lane = uint32_t(__builtin_ctz(w.mask));
    run_.stop = {true, FaultKind::divergent_barrier, w.waiting, w.id, lane, Space::generic, 0, 0,
                 "the block's other warps wait at another barrier, or too few arrive"};
    stop_lanes_ = uint32_t(__builtin_popcount(w.mask));
    return;
  }
}

void Launcher::run_block() {
  for (;;) {
    run_ready_warps();
    const auto unfinished = [](const Warp &w) { return w.state != WarpState::done; };
    if (run_.stop.stopped || std::none_of(warps_.begin(), warps_.end(), unfinished)) break;
    // Every warp has ended or waits.
    if (!release_barriers()) {
      report_deadlock();
      break;
    }
  }
  if (!scoreboard_) return;
  chain_sum_ += scoreboard_->block_cycles();
  chain_max_ = std::max(chain_max_, scoreboard_->block_cycles());
}

Counts Launcher::base_counts() const {
  Counts counts;
  counts.blocks = blocks_;
  counts.warps = blocks_ * run_.warps;
  counts.threads = blocks_ * run_.threads;
  counts.chain_cycles_sum = options_.scoreboard ? chain_sum_ : 0;
  counts.chain_cycles_max = options_.scoreboard ? chain_max_ : 0;
  return counts;
}

LaunchReport Launcher::run() {
  if (context_.caches) context_.caches->begin_launch();
  const uint64_t blocks = launch_.grid.count();
  for (uint64_t number = 0; number < blocks && !run_.stop.stopped; ++number) {
    start_block(number);
    run_block();
    ++blocks_;
  }
  LaunchReport report;
  if (run_.stop.stopped) report.faults.push_back(describe_fault(context_, run_));
  report.counts = base_counts();
  add_counts(program_, run_, counts_, stop_lanes_, report, options_.lines, context_.module);
  if (context_.caches && options_.caches) context_.caches->add_to(report.counts);
  report.counts.global_atomic_hottest = host_.tally.most();
  report.printed = std::move(host_.printed);
  return report;
}

}  // namespace

std::string check_launch(const Program &program, const Launch &launch, const Limits &limits) {
  const Dim3 &block = launch.block, &grid = launch.grid, &most = program.info.max_threads;
  const uint64_t threads = block.count();
  if (threads == 0 || grid.count() == 0) return "a block and a grid need at least one thread in every dimension";
  if (block.x > 1024 || block.y > 1024 || block.z > 64 || threads > limits.threads_per_block) {
    return "a block of " + std::to_string(threads) + " threads is larger than the device's limit of " +
           std::to_string(limits.threads_per_block);
  }
  if (grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535)
    return "the grid is larger than the device's limit of 2147483647 x 65535 x 65535 blocks";
  if (most.count() != 0 && threads > most.count()) {
    return "a block of " + std::to_string(threads) + " threads is larger than the " + std::to_string(most.count()) +
           " that the kernel was compiled for";
  }
  const uint64_t shared = uint64_t(program.dynamic_shared_offset) + launch.dynamic_shared_bytes;
  if (shared > limits.shared_bytes_per_block) {
    return std::to_string(shared) + " bytes of shared memory a block are more than the device's " +
           std::to_string(limits.shared_bytes_per_block);
  }
  return {};
}

LaunchReport run_launch(const LaunchContext &context, const Program &program, const Launch &launch,
                        const Options &options, Budget budget) {
  const std::string problem = check_launch(program, launch, context.limits);
  if (problem.empty()) return Launcher(context, program, launch, options, budget).run();
  LaunchReport report;
  Fault fault{};
  fault.kind = FaultKind::invalid_launch;
  fault.message = problem;
  fault.kernel = fault.function = program.info.name;
  report.faults.push_back(fault);
  return report;
}

}  // namespace vgpu
