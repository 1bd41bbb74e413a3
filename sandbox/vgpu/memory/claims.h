// Which words of global memory a part of a launch read and wrote, to find out whether parts that ran at the same time
// depended on each other. One bit for each 4-byte word: two parts that write different bytes of one word count as
// dependent.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "arena.h"

namespace vgpu {

class Claims {
 public:
  explicit Claims(const Arena &arena) : pages_(arena.bytes() / kClaimPage + 1), extents_(arena.extents().size()) {}

  ClaimPage **pages() { return pages_.data(); }
  uint8_t *extents() { return extents_.data(); }
  ClaimPage *add_page(uint64_t page);

  // Takes over the claims of a later part and forgets them there. False: one wrote what the other wrote or read.
  bool absorb(Claims &later);

  // Marks the allocations that were written so far; reads of the others need no note of every word.
  void learn_written(const Arena &);
  void know_written(const Claims &other) { extents_ = other.extents_; }

  // False: an allocation was written of which some reads have no note of the words.
  bool reads_are_known(const Arena &) const;

 private:
  std::vector<bool> written(const Arena &) const;
  std::vector<ClaimPage *> pages_;         // by address; null where nothing was touched
  std::vector<uint8_t> extents_;           // kExtentWritten, kExtentRead of each allocation
  std::vector<uint64_t> touched_;
  std::vector<std::unique_ptr<ClaimPage>> storage_, free_;
};

}  // namespace vgpu
