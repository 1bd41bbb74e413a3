// Executes blocks of a launch, one host thread's share of it.
//
// Blocks begin in order. One that can only wait for others makes room for the next, until the device is full; then all
// live ones take turns. A kernel whose blocks do not wait for each other therefore has one live block at a time. One
// that shares a queue with others makes room, too, each time it takes from it again: of those that are about to take,
// the one that has done the least goes on, so that each gets as much as it would on a card (exec/taking.h).
#pragma once

#include <deque>
#include <map>

#include "../host_calls.h"
#include "../memory/claims.h"
#include "findings.h"
#include "live_block.h"

namespace vgpu {

class Worker {
 public:
  Worker(const Plan &, Budget);
  Worker(const Worker &) = delete;
  Worker &operator=(const Worker &) = delete;

  // What the blocks run from here on may use.
  void grant(Budget);

  // Runs blocks [first, last) to their end, or to the first fault (run().stop).
  void run_blocks(uint64_t first, uint64_t last);

  // Notes what is read and written (Watch::claims); the notes are complete after finish_claims().
  void claim(Claims &);
  void finish_claims();

  // What the blocks run so far have counted; counting begins anew.
  struct Harvest {
    Run run;
    std::vector<OpCounts> op_counts;
    Counts counts;
    std::vector<Fault> faults, remarks;
    std::string printed;
    // Adds what blocks that ran later have counted; how the launch stands is theirs.
    void append(const Harvest &next, uint32_t most_remarks);
  };
  Harvest harvest();

  const Run &run() const { return run_; }
  const HostState &host() const { return host_; }

 private:
  Counts base_counts() const;          // what is counted by block
  void note_most(const LiveBlock &);
  using Block = std::unique_ptr<LiveBlock>;
  Block next_block(uint64_t number);
  void finish(Block);
  bool may_begin_another() const;
  Block next_turn();
  Block next_stuck();
  void set_aside(Block, LiveBlock::Outcome);
  void note_progress(LiveBlock &, bool stuck);

  const Plan &plan_;
  std::vector<OpCounts> counts_;
  std::vector<uint64_t> read_alone_;   // Run::read_alone, Run::claim_boxes
  std::vector<ClaimBox> boxes_;
  HostState host_;
  UnknownWords unknown_words_;
  Findings findings_;
  std::unique_ptr<Racer> racer_;       // with Options::check_races
  Run run_;
  BlockOrder order_;
  std::deque<Block> waiting_;          // live, stuck, in the order in which they get their next turn
  std::map<std::pair<uint64_t, uint64_t>, Block> taking_;      // live, by LiveBlock::next_take() and number
  uint64_t turns_of_taking_ = 0;       // since one that is stuck had a turn
  bool began_ = false, was_stuck_ = false;       // before its turn, the block that has or had the last one
  bool stuck_are_next_ = false;        // what they wait for may just have happened
  uint64_t now_ = 0, latest_ = 0;      // LiveBlock::next_take() of the last turn, the most progress of any block
  uint64_t happened_ = 0;              // latest_, but for blocks that were stuck, of which the last goes on
  uint64_t stuck_at_ = 0;              // the progress of the block that has its turn, if it was stuck
  uint64_t in_vain_ = 0;               // turns in a row that left a block stuck
  uint64_t begin_freely_ = 0;          // blocks of the window that began because all were stuck
  std::vector<Block> unused_;
  uint64_t blocks_ = 0, copies_dropped_ = 0;
  Counts timed_;                       // what is counted of blocks by themselves
};

}  // namespace vgpu
