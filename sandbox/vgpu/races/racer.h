// The race detector of one launch: happens-before by epochs (exec/race_view.h) and clocks (clock.h). What orders what
// is in docs/virtual-gpu.md, "Races". In the manner of FastTrack: https://dl.acm.org/doi/10.1145/1542476.1542490
//
// Three parts: checks.cpp compares an access with the cells that it meets, ordering.cpp moves knowledge from warp to
// warp at barriers, fences and flags, copies.cpp follows asynchronous copies. racer.cpp begins and ends blocks.
#pragma once

#include "../exec/pending.h"
#include "../launch.h"
#include "block.h"
#include "traits.h"

namespace vgpu {

class Racer : public RaceView {
 public:
  // `closely`: without quick checks.
  Racer(const LaunchContext &, const Program &, const Launch &, const Op *ops, bool closely);
  ~Racer();
  Racer(const Racer &) = delete;
  Racer &operator=(const Racer &) = delete;

  std::unique_ptr<RaceBlock> make_block(uint32_t warp_count, uint64_t shared_bytes) const;

  // --- blocks (racer.cpp)
  void begin(RaceBlock &, const AsyncState &, uint64_t number);
  void resume(RaceBlock &, const AsyncState &);
  // Copies that nobody waited for are remarks, and their cells are given back.
  void end(Run &, AsyncState &);

  // --- ordering (ordering.cpp)
  // `released` go on from barrier `id`; `whole`: everybody in the block has come to it.
  void barrier(const std::vector<uint32_t> &released, uint32_t id, bool whole);
  void arrive(const Warp &, uint32_t id);
  void fence(const Warp &, const Op *);
  void warp_sync(const Warp &, const uint32_t *members);
  void gather(const Warp &);
  void at_mbarrier(uint32_t address, RaceEvent, uint32_t warp);
  // What a strong access does beyond the access itself.
  void strong_access(const Warp &, const Op *, Access, Space, const uint64_t *address, uint32_t mask);

  // --- checks (checks.cpp)
  struct Me;                           // an access on its way through the cells
  void request(Run &, Warp &, const Op *, Access, Space, const uint64_t *address, uint32_t mask, uint32_t bytes);
  RaceShadow *find(const Run &, const Op *, uint64_t low, bool stores);
  void split(uint64_t address);

  // --- copies (copies.cpp)
  void copy(Run &, Warp &, const Op *, const uint64_t *target, const uint64_t *source, uint32_t mask, uint32_t whole,
            uint32_t bytes);
  void landed(Run &, Warp &, const uint32_t *target, const uint64_t *source, uint32_t mask, uint32_t bytes);
  void bulk(Run &, Warp &, const Op *, uint32_t lane, const Bulk &);
  void bulk_landed(Run &, Warp &, const Bulk &);

 private:
  // racer.cpp
  uint32_t next_epoch();
  void renew(uint32_t warp) { warps[warp].epoch = next_epoch(); }
  uint32_t block_of(uint32_t epoch) const;
  RaceCells cells_at(RaceShadow &, uint64_t address, uint64_t &at);

  // ordering.cpp
  Clock clock_of(uint32_t warp);
  void learn(uint32_t warp, const Clock &);
  void raise_base(uint32_t warp);
  void read_word(uint32_t warp, uint16_t traits, const SyncWord &);
  void write_word(uint32_t warp, uint16_t traits, bool updates, SyncWords &, uint64_t address);

  // checks.cpp
  void touch(const Me &, RaceCell &write, RaceCell &read, RaceCell &more, uint64_t address);
  void touch_bytes(const Me &, uint64_t address, uint64_t bytes);
  void note_reader(const Me &, RaceCell &read, RaceCell &more, bool has_more) const;
  bool is_old(const Me &, RaceCell) const;
  bool is_gathered(const Me &, RaceCell) const;
  bool is_ordered(const Me &, RaceCell) const;
  bool is_unfenced(const Me &, RaceCell) const;
  bool are_exempt(const Me &, RaceCell) const;
  void accuse(const Me &, RaceCell, Access, uint64_t address);
  bool same_value(const Me &, RaceCell, uint64_t address) const;
  bool same_copy(const Me &, RaceCell, uint64_t address) const;
  bool is_late(const Me &, RaceCell) const;
  const char *what_is_missing(const Me &, RaceCell, bool own_block) const;
  RaceShadow *shadow_at(const Run &, const Op *, uint64_t address, bool stores);
  void begin_flight(Run &, const Warp &, const Op *, uint32_t lane, Access, Space, uint64_t address, uint64_t bytes);

  // Gives each cell of a copy's target (`writes`) or source what `next` makes of it.
  template <class Next>
  void change_cells(const Run &run, Space space, bool writes, uint64_t address, uint64_t bytes, Next next) {
    RaceShadow *shadow = space == Space::shared || bytes == 0 ? nullptr : shadow_at(run, ops_, address, writes);
    if (space != Space::shared && !shadow) return;
    const uint32_t shift = shadow ? shadow->shift : shared_shift;
    for (uint64_t done = 0, at; done < bytes; done += uint64_t(1) << shift) {
      const RaceCells cells = shadow ? cells_at(*shadow, address + done, at) : shared;
      if (!shadow) at = (address + done) >> shift;
      for (RaceCell *cell : {writes ? cells.write : cells.read, writes ? cells.write : cells.more})
        cell[at] = next(cell[at]);
    }
  }
  // copies.cpp: cells in flight that `chosen` picks become those of the thread that began the copy, now.
  template <class Chosen>
  void land(const Run &run, const Warp &w, Space space, bool writes, uint64_t address, uint64_t bytes, Chosen chosen) {
    change_cells(run, space, writes, address, bytes, [&](RaceCell cell) {
      const uint32_t now = warp_of(cell) == w.id ? warps[w.id].epoch : memory_.last_epoch;
      return epoch_of(cell) == kInFlight && chosen(cell) ? at_epoch(cell, now) : cell;
    });
  }
  static RaceCell at_epoch(RaceCell cell, uint32_t epoch) { return (cell & 0xffffffff) | RaceCell(epoch) << 32; }
  bool begin_quickly(const Warp &, const Op *, uint32_t lane, uint64_t target, uint32_t bytes);
  bool is_own_copy(uint64_t address) const;
  void remark_dropped(Run &, RaceCell, Space, uint64_t address, uint64_t bytes);

  const LaunchContext &context_;
  const Launch &launch_;
  const Op *ops_;
  RaceMemory &memory_;
  RaceTraits traits_;
  std::vector<Met> met_;
  std::vector<bool> written_;
  std::map<uint64_t, GlobalShadow *> shadows_;       // of this launch, by the start of the allocation
  const AsyncState *async_ = nullptr;                // of the running block
  struct Turn { uint32_t first, block; };            // epochs from `first` on are that block's
  std::vector<Turn> turns_;
  RaceBlock *block_ = nullptr;                       // that runs
  Clocks clocks_;
  SyncWords words_;                                  // of global memory
  bool has_sources_ = false;                         // some copy came from memory that the kernel writes
  bool exhausted_ = false;                           // no epochs, clocks or words are left: nobody is accused any more
  const Op *accused_by_ = nullptr, *accused_ = nullptr;      // in this request
};

}  // namespace vgpu
