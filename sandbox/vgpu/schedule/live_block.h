// A block that has begun and not ended: its memory, its warps, its barriers.
#pragma once

#include <memory>
#include <optional>

#include "../exec/pending.h"
#include "../memory/unknown_words.h"
#include "../observe/cache.h"
#include "../observe/scoreboard.h"
#include "../races/racer.h"
#include "order.h"
#include "plan.h"

namespace vgpu {

class LiveBlock {
 public:
  LiveBlock(const Plan &, Run &, Racer *);

  // Begins block `number` in this memory, `progress` cycles after the launch.
  void start(Run &, uint64_t number, uint64_t progress);

  // Lets its warps take turns. `stuck`: all that can run only wait for something outside the block. `taking`: or they
  // wait until it is their turn to take a number from a counter (exec/taking.h). Those that have done the least of
  // these do so when the block runs on.
  enum class Outcome { finished, stuck, taking, stopped };
  Outcome run(Run &);

  // After its last turn.
  void end(Run &);
  // Asynchronous copies of single threads that nobody waited for.
  uint64_t copies_left() const { return async_.copies_left(); }
  uint64_t executed() const { return executed_; }      // warp instructions so far
  // Null without a scoreboard, and outside the sample.
  const Scoreboard *timed() const { return plan_.outside_sample ? nullptr : scoreboard_.get(); }
  uint64_t number() const { return number_; }

  // Cycles of the virtual clock that its warps would have had on a card, where blocks run at the same time: of the one
  // that is next to take a number, and of the last.
  uint64_t next_take() const;
  uint64_t progress() const;
  // What it waits for happens then at the earliest.
  void wait_until(uint64_t progress);
  void fall_back_to(uint64_t progress);

 private:
  Outcome take_rounds(Run &);
  void enter(Run &);
  void let_take();
  void exchange_l1();
  bool waits_to_take() const;
  void make_warps(Run &);
  void clear_reserved(Run &);
  uint32_t take_turns(Run &);
  void take_turn(Run &, Warp &);
  bool release_barriers();
  bool release_barrier(uint32_t id);
  std::vector<Warp *> waiting_at(uint32_t id);
  void finish_waiting(const std::vector<Warp *> &released);
  void tell_racer(const std::vector<Warp *> &released, uint32_t id, bool counted);
  void remark_mismatch(const std::vector<Warp *> &waiting, uint32_t expected);
  void remark_arrivals(Run &);
  void report_deadlock(Run &);

  const Plan &plan_;
  uint64_t number_ = 0;
  std::vector<Warp> warps_;
  Barrier barriers_[16];
  std::unique_ptr<Pages> frames_, known_, local_, joins_, shared_, known_memory_;
  std::unique_ptr<Scoreboard> scoreboard_;
  Racer *racer_;                       // null without Options::check_races
  std::unique_ptr<RaceBlock> races_;
  UnknownWords unknown_words_;
  std::optional<detail::SectorTags> l1_;   // while it makes room, its own
  bool keeps_l1_ = false;
  AsyncState async_;
  TurnOrder turns_;
  uint64_t executed_ = 0;
  uint64_t arrivals_ = 0;              // of warps at barriers, since the block's memory is there
  bool changed_ = false;               // in this round a warp ended or came to a barrier
};

// Moves a warp to the frames of another activation (Run::activation_call).
void change_activation(Run &, Warp &, uint32_t activation);

}  // namespace vgpu
