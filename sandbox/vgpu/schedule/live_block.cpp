#include "live_block.h"

#include <algorithm>
#include <cstring>

#include "../exec/frame.h"
#include "../host_calls.h"
#include "../isa/isa.h"

namespace vgpu {
namespace {

constexpr int64_t kSlice = 1 << 18;      // warp instructions of a turn; a warp that waits in a loop gives up earlier
constexpr uint64_t kPoisonPage = 4096;   // bytes of a block's fresh memory that cost the budget one warp instruction
constexpr uint32_t kIdle = 64;           // a block is stuck after so many rounds without an event ...
constexpr uint32_t kSpinningRound = 32;  // ... of which one counts for so many if every turn ended in a waiting loop

// Writes whole words, also where `bytes` ends within one.
void poison_words(const Run &run, char *memory, uint64_t bytes) {
  uint32_t sixteen[16];
  std::fill(std::begin(sixteen), std::end(sixteen), run.poison);
  uint64_t at = 0;
  for (; at + sizeof sixteen <= bytes; at += sizeof sixteen) std::memcpy(memory + at, sixteen, sizeof sixteen);
  for (; at < bytes; at += 4) std::memcpy(memory + at, sixteen, 4);
}

}  // namespace

LiveBlock::LiveBlock(const Plan &plan, Run &run, Racer *racer)
    : plan_(plan),
      warps_(plan.warps),
      frames_(std::make_unique<Pages>(plan.frame_bytes * plan.warps)),
      local_(std::make_unique<Pages>(plan.local_stride * plan.warps * kWarpLanes)),
      joins_(std::make_unique<Pages>(sizeof(Join) * kJoins * plan.warps)),
      shared_(std::make_unique<Pages>(plan.shared_bytes + 64)),
      racer_(racer),
      races_(racer ? racer->make_block(plan.warps, plan.shared_bytes) : nullptr),
      async_(plan.warps),
      turns_(plan.options.order, plan.warps) {
  if (plan.watch == Watch::tracking) {
    known_ = std::make_unique<Pages>(4 * plan.frame_bytes * plan.warps);
    known_memory_ =
        std::make_unique<Pages>((plan.shared_bytes + plan.local_stride * plan.warps * kWarpLanes) / 8 + 64);
  }
  if (plan.watch == Watch::timing) {
    scoreboard_ = std::make_unique<Scoreboard>(plan.options.timing, plan.program.unit_count + 1, plan.warps);
  }
  enter(run);
  make_warps(run);
}

// Makes this the block that the interpreter sees.
void LiveBlock::enter(Run &run) {
  const Dim3 &grid = plan_.launch.grid;
  run.block_index = {uint32_t(number_ % grid.x), uint32_t(number_ / grid.x % grid.y),
                     uint32_t(number_ / grid.x / grid.y)};
  run.block_number = uint32_t(number_);
  run.shared = shared_->data();
  run.local = local_->data();
  run.barriers = barriers_;
  run.scoreboard = scoreboard_.get();
  run.unknown_block_words = &unknown_words_;
  if (!known_memory_) return;
  run.known_shared = reinterpret_cast<uint8_t *>(known_memory_->data());
  run.known_local = run.known_shared + plan_.shared_bytes / 8 + 16;
}

void LiveBlock::make_warps(Run &run) {
  for (uint32_t id = 0; id < plan_.warps; ++id) {
    Warp &w = warps_[id];
    w.run = &run;
    w.async = &async_;
    w.id = id;
    w.first_thread = id * kWarpLanes;
    w.frames = frames_->data() + plan_.frame_bytes * id;
    w.frames_end = w.frames + plan_.frame_bytes;
    w.joins = reinterpret_cast<Join *>(joins_->data()) + size_t(kJoins) * id;
    if (known_) {
      char *all = known_->data() + 4 * plan_.frame_bytes * id;
      w.known = reinterpret_cast<uint32_t *>(all);
      w.unknown = all + plan_.frame_bytes;
      w.origins = reinterpret_cast<uint64_t *>(all + 2 * plan_.frame_bytes);
    }
    prepare_frame(run, w, plan_.program.functions[0], w.frames);
  }
}

// What the system reserves in shared memory begins as zeros. Its place is a multiple of 8 bytes.
void LiveBlock::clear_reserved(Run &run) {
  const Program &program = plan_.program;
  if (!program.reserved_shared_bytes) return;
  std::memset(run.shared + program.reserved_shared, 0, program.reserved_shared_bytes);
  if (known_memory_)
    std::memset(run.known_shared + program.reserved_shared / 8, 0xff, program.reserved_shared_bytes / 8);
}

void LiveBlock::start(Run &run, uint64_t number, uint64_t progress) {
  number_ = number;
  enter(run);
  const FunctionCode &entry = plan_.program.functions[0];
  const uint64_t fresh = plan_.device_shared_bytes + uint64_t(entry.local_bytes) * plan_.threads;
  run.reserve -= std::min<int64_t>(run.reserve, int64_t(fresh / kPoisonPage));
  poison_words(run, run.shared, plan_.shared_bytes);
  for (uint32_t thread = 0; entry.local_bytes && thread < plan_.threads; ++thread)
    poison_words(run, run.local + thread * plan_.local_stride, entry.local_bytes);
  if (known_memory_) std::memset(known_memory_->data(), 0, known_memory_->bytes());
  clear_reserved(run);
  unknown_words_.clear();
  async_.begin_block();
  turns_.begin_block(number);
  executed_ = 0;
  keeps_l1_ = false;
  std::fill(std::begin(barriers_), std::end(barriers_), Barrier{});
  for (Warp &w : warps_) {
    const uint32_t left = plan_.threads - w.first_thread;
    w.live = w.mask = left >= kWarpLanes ? 0xffffffffu : (1u << left) - 1;
    w.frame = w.frames;
    w.reconverge = w.join = w.activation = w.free_join = kNone;
    w.joins_used = w.pending_count = w.parked_count = w.partner_count = 0;
    w.carry_unknown = 0xffffffffu;
    w.carry_origin = w.doubtful = 0;
    w.carry = w.depth = w.local_base = w.visits = w.yields = 0;
    w.local_end = entry.local_bytes;
    w.lost = 0;
    w.forgives = w.splits = false;
    w.taking = Taking::no;
    w.took = false;
    w.progress = progress;
    w.state = WarpState::ready;
    w.resume = run.ops + entry.entry;
    prepare_block(run, w, entry);
  }
  if (plan_.context.caches && !plan_.outside_sample) plan_.context.caches->begin_block();
  if (scoreboard_) scoreboard_->begin_block();
  if (racer_) racer_->begin(*races_, async_, number);
}

void LiveBlock::end(Run &run) {
  if (racer_ && !run.stop.stopped) racer_->end(run, async_);
}

void LiveBlock::take_turn(Run &run, Warp &w) {
  const uint64_t before = clock_of(run);
  run.slice = std::min(run.reserve, turns_.slice(kSlice));
  run.reserve -= run.slice;
  w.spun = false;
  // Handlers that are watched for time also run without being timed.
  plan_.executor.execute(w, w.resume, plan_.outside_sample ? Watch::counters : plan_.watch);
  run.reserve += run.slice;            // what is left of the turn
  run.slice = 0;
  w.progress += clock_of(run) - before;
  changed_ |= w.state != WarpState::ready;
  if (w.state == WarpState::at_barrier) w.came = ++arrivals_;
  if (run.stop.stopped) run.stop_lanes = uint32_t(__builtin_popcount(w.mask));
}

// One turn for every warp that can run. Returns how much nearer to `kIdle` the block is.
uint32_t LiveBlock::take_turns(Run &run) {
  bool all_spun = true;
  turns_.begin_round();
  for (const uint32_t id : turns_.warps()) {
    Warp &w = warps_[id];
    if (w.state != WarpState::ready || w.taking == Taking::waits) continue;
    take_turn(run, w);
    if (run.stop.stopped) return 0;
    all_spun &= w.spun;
  }
  if (turns_.is_short()) return 0;
  return all_spun ? kSpinningRound : 1;
}

uint64_t LiveBlock::next_take() const {
  uint64_t least = ~uint64_t(0);
  for (const Warp &w : warps_) least = w.taking == Taking::waits ? std::min(least, w.progress) : least;
  return least;
}

uint64_t LiveBlock::progress() const {
  uint64_t most = 0;
  for (const Warp &w : warps_) most = std::max(most, w.progress);
  return most;
}

void LiveBlock::wait_until(uint64_t progress) {
  for (Warp &w : warps_) w.progress = std::max(w.progress, progress);
}

void LiveBlock::fall_back_to(uint64_t progress) {
  for (Warp &w : warps_) w.progress = std::min(w.progress, progress);
}

void LiveBlock::exchange_l1() {
  CacheModel &caches = *plan_.context.caches;
  if (!l1_) l1_ = caches.make_l1();
  caches.exchange_l1(*l1_);
}

void LiveBlock::let_take() {
  const uint64_t least = next_take();
  for (Warp &w : warps_) {
    if (w.taking == Taking::waits && w.progress == least) w.taking = Taking::granted;
  }
}

// Some warp waits to take a number, and no other has anything to do.
bool LiveBlock::waits_to_take() const {
  const auto waits = [](const Warp &w) { return w.taking == Taking::waits; };
  const auto idle = [&](const Warp &w) { return w.state != WarpState::ready || waits(w) || w.spun; };
  return std::any_of(warps_.begin(), warps_.end(), waits) && std::all_of(warps_.begin(), warps_.end(), idle);
}

LiveBlock::Outcome LiveBlock::run(Run &run) {
  enter(run);
  if (racer_) racer_->resume(*races_, async_);
  let_take();
  if (keeps_l1_) exchange_l1();
  const uint64_t before = executed_by(run) - run.helpers;
  const Outcome outcome = take_rounds(run);
  executed_ += executed_by(run) - run.helpers - before;
  keeps_l1_ = outcome == Outcome::taking && plan_.context.caches;
  if (keeps_l1_) exchange_l1();
  return outcome;
}

LiveBlock::Outcome LiveBlock::take_rounds(Run &run) {
  const auto unfinished = [](const Warp &w) { return w.state != WarpState::done; };
  const auto ready = [](const Warp &w) { return w.state == WarpState::ready; };
  for (uint32_t idle = 0; idle < kIdle;) {
    changed_ = false;
    const uint32_t nearer = take_turns(run);
    if (run.stop.stopped) return Outcome::stopped;
    if (std::none_of(warps_.begin(), warps_.end(), unfinished)) {
      remark_arrivals(run);
      return Outcome::finished;
    }
    const bool released = release_barriers();
    if (!released && std::none_of(warps_.begin(), warps_.end(), ready)) {
      report_deadlock(run);
      return Outcome::stopped;
    }
    if (!released && waits_to_take()) return Outcome::taking;
    idle = changed_ || released ? 0 : idle + nearer;
  }
  return next_take() == ~uint64_t(0) ? Outcome::stuck : Outcome::taking;
}

// The warps that wait at barrier `id`, in the order in which they came.
std::vector<Warp *> LiveBlock::waiting_at(uint32_t id) {
  std::vector<Warp *> found;
  for (Warp &w : warps_) {
    if (w.state == WarpState::at_barrier && w.barrier == id) found.push_back(&w);
  }
  std::stable_sort(found.begin(), found.end(), [](const Warp *a, const Warp *b) { return a->came < b->came; });
  return found;
}

// A barrier without a count is one of the whole block: warps that have ended came to it in effect.
void LiveBlock::tell_racer(const std::vector<Warp *> &released, uint32_t id, bool counted) {
  std::vector<uint32_t> warps;
  for (const Warp *w : released) warps.push_back(w->id);
  racer_->barrier(warps, id, !counted || warps.size() == warps_.size());
}

void LiveBlock::finish_waiting(const std::vector<Warp *> &released) {
  uint32_t voters = 0, yes = 0;
  for (const Warp *w : released) {
    voters += uint32_t(__builtin_popcount(w->mask));
    yes += uint32_t(__builtin_popcount(w->mask & w->vote));
  }
  uint64_t last = 0;
  for (const Warp *w : released) last = std::max(last, w->progress);
  for (Warp *each : released) {
    Warp &w = *each;
    w.progress = last;
    w.state = WarpState::ready;
    w.visits = w.yields = 0;
    const Op &op = *w.waiting;
    if (op.form == form_bar_red_pred) {
      const bool result = op.kind == 1 ? yes == voters : yes != 0;      // .and, .or
      uint32_t &predicate = *reinterpret_cast<uint32_t *>(w.frame + op.d);
      predicate = (predicate & ~w.mask) | (result ? w.mask : 0);
    } else if (op.form == form_bar_red_popc) {
      for (uint32_t lane = 0; lane < kWarpLanes; ++lane) {
        if (w.mask >> lane & 1) reinterpret_cast<uint32_t *>(w.frame + op.d)[lane] = yes;
      }
    }
    if (w.partner_count) plan_.executor.part(w, uint32_t(w.resume - w.run->ops));
  }
}

// Opens barrier `id` if everybody it waits for is there. Without a count that is every warp that has not ended; with
// one, so many threads in the order in which they came, arrivals that do not wait included. The rest is of the next
// phase.
bool LiveBlock::release_barrier(uint32_t id) {
  std::vector<Warp *> waiting = waiting_at(id);
  Barrier &barrier = barriers_[id];
  uint32_t expected = barrier.expected;
  for (const Warp *w : waiting) expected = std::max(expected, w->barrier_threads);
  if (expected == 0) {
    const auto running = std::count_if(warps_.begin(), warps_.end(),
                                       [](const Warp &w) { return w.state != WarpState::done; });
    if (waiting.empty() || int64_t(waiting.size()) != running) return false;
  } else {
    if (waiting.size() * kWarpLanes + barrier.arrived_threads < expected) return false;
    const uint32_t missing = expected - std::min(expected, barrier.arrived_threads);
    const size_t most = std::max<size_t>((missing + kWarpLanes - 1) / kWarpLanes, 1);
    waiting.resize(std::min(waiting.size(), most));
    barrier.arrived_threads += uint32_t(waiting.size()) * kWarpLanes;
    barrier.arrived_threads -= std::min(barrier.arrived_threads, expected);
    if (barrier.arrived_threads == 0) barrier.expected = 0;
  }
  if (racer_) tell_racer(waiting, id, expected != 0);
  remark_mismatch(waiting, expected);
  finish_waiting(waiting);
  if (scoreboard_ && !waiting.empty()) scoreboard_->barrier();
  return !waiting.empty();
}

bool LiveBlock::release_barriers() {
  bool any = false;
  for (uint32_t id = 0; id < 16; ++id) {
    while (release_barrier(id)) any = true;
  }
  return any;
}

namespace {

Stop stop_at_barrier(const Warp &w, const char *note) {
  Stop stop;
  stop.stopped = true;
  stop.kind = FaultKind::divergent_barrier;
  stop.op = w.waiting;
  stop.warp = w.id;
  stop.lane = uint32_t(__builtin_ctz(w.mask));
  stop.note = note;
  return stop;
}

uint32_t first_waiting(const Warp &w) { return w.first_thread + uint32_t(__builtin_ctz(w.mask)); }

void add_bystander(Run &run, const Op *op, uint32_t thread) {
  for (uint32_t i = 0; i < run.bystander_count; ++i) {
    if (run.bystanders[i].op == op) return;
  }
  if (run.bystander_count < kBystanders) run.bystanders[run.bystander_count++] = {op, thread};
}

// Copies of one barrier, as an unrolled loop has them, are one place.
bool is_same_place(const Program &program, const Op *ops, const Op *a, const Op *b) {
  const Origin &x = program.origins[size_t(a - ops)], &y = program.origins[size_t(b - ops)];
  return a == b || (x.line != 0 && x.line == y.line && x.file == y.file);
}

}  // namespace

// The barrier opens, but its threads came to it at different places without a count (__syncthreads() must be reached by
// all at one), or with different counts.
void LiveBlock::remark_mismatch(const std::vector<Warp *> &waiting, uint32_t expected) {
  if (waiting.empty()) return;
  const Warp &first = *waiting[0];
  Run &run = *first.run;
  const char *note = nullptr;
  run.bystander_count = 0;
  for (const Warp *w : waiting) {
    const bool elsewhere = expected == 0 && !is_same_place(plan_.program, run.ops, first.waiting, w->waiting);
    const bool counts = w->barrier_threads != first.barrier_threads;
    if (!elsewhere && !counts) continue;
    note = elsewhere ? "threads of one block wait at different places for the same barrier, which opens nevertheless"
                     : "threads wait for one barrier with different thread counts";
    add_bystander(run, w->waiting, first_waiting(*w));
  }
  if (!note) return;
  Finding finding;
  finding.stop = stop_at_barrier(first, note);
  finding.is_remark = true;
  run.finding_call(run, finding);
}

// The block has ended, and somebody arrived at a barrier without waiting that nobody waited for.
void LiveBlock::remark_arrivals(Run &run) {
  for (const Barrier &barrier : barriers_) {
    if (barrier.arrived_threads == 0 || !barrier.arrival) continue;
    Finding finding;
    finding.stop.kind = FaultKind::divergent_barrier;
    finding.stop.op = barrier.arrival;
    finding.stop.warp = barrier.arrival_warp;
    finding.stop.note = "threads arrived at this barrier and nobody waited for them before the block ended";
    finding.is_remark = true;
    run.bystander_count = 0;
    run.finding_call(run, finding);
  }
}

// The first warp that waits is described; where the others wait, or that they have ended, is said with it.
void LiveBlock::report_deadlock(Run &run) {
  const auto waits = [](const Warp &w) { return w.state == WarpState::at_barrier; };
  const Warp &first = *std::find_if(warps_.begin(), warps_.end(), waits);
  run.bystander_count = 0;
  for (const Warp &w : warps_) {
    if (!waits(w)) add_bystander(run, nullptr, w.first_thread);
    else if (w.waiting != first.waiting) add_bystander(run, w.waiting, first_waiting(w));
  }
  run.stop = stop_at_barrier(first,
                             "not every live thread of the block can reach this barrier: the block's other warps wait "
                             "at another barrier, or too few arrive");
  run.stop_lanes = uint32_t(__builtin_popcount(first.mask));
}

}  // namespace vgpu
