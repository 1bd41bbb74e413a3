// A block that has begun and not ended: its memory, its warps, its barriers.
#pragma once

#include <memory>

#include "../exec/pending.h"
#include "../memory/unknown_words.h"
#include "../observe/scoreboard.h"
#include "../races/racer.h"
#include "order.h"
#include "plan.h"

namespace vgpu {

class LiveBlock {
 public:
  LiveBlock(const Plan &, Run &, Racer *);

  // Begins block `number` in this memory.
  void start(Run &, uint64_t number);

  // Lets its warps take turns. `stuck`: all that can run only wait for something outside the block.
  enum class Outcome { finished, stuck, stopped };
  Outcome run(Run &);

  // After its last turn.
  void end(Run &);
  // Asynchronous copies of single threads that nobody waited for.
  uint64_t copies_left() const { return async_.copies_left(); }
  uint64_t chain_cycles() const {
    return scoreboard_ && !plan_.outside_sample ? scoreboard_->block_cycles() : 0;
  }
  uint64_t bank_cycles() const { return scoreboard_ && !plan_.outside_sample ? scoreboard_->bank_cycles() : 0; }
  uint64_t taken() const { return scoreboard_ && !plan_.outside_sample ? scoreboard_->taken() : 0; }
  uint64_t executed() const { return executed_; }      // warp instructions so far

 private:
  Outcome take_rounds(Run &);
  void enter(Run &);
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
  AsyncState async_;
  TurnOrder turns_;
  uint64_t executed_ = 0;
  uint64_t arrivals_ = 0;              // of warps at barriers, since the block's memory is there
  bool changed_ = false;               // in this round a warp ended or came to a barrier
};

// Moves a warp to the frames of another activation (Run::activation_call).
void change_activation(Run &, Warp &, uint32_t activation);

}  // namespace vgpu
