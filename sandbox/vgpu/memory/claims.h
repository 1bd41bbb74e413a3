// Which words of global memory a part of a launch read and wrote, to find out whether parts that ran at the same time
// depended on each other. One bit for each 4-byte word: two parts that write different bytes of one word count as
// dependent. Reads of an allocation that the kernel does not seem to write are noted as a whole; should it be written
// after all, that shows at the end (reads_are_known).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "arena.h"

namespace vgpu {

class Claims {
 public:
  explicit Claims(const Arena &);

  // Forgets everything, for a new launch. `written`: of each allocation, whether the kernel may write it.
  void begin(const std::vector<bool> &written);

  // Where the interpreter makes its notes.
  ClaimPage *pages() const { return reinterpret_cast<ClaimPage *>(pages_.data()); }
  uint8_t *touched() const { return reinterpret_cast<uint8_t *>(touched_.data()); }
  uint8_t *extents() { return extents_.data(); }

  // Takes over the claims of a later part and forgets them there. False: one wrote what the other wrote or read.
  bool absorb(Claims &later);

  // False: an allocation was written of which some reads have no note of the words.
  bool reads_are_known() const;

 private:
  bool is_written(const Extent &) const;
  template <class Visit>
  void take_touched(Visit visit);

  const Arena &arena_;
  Pages pages_, touched_;                  // by address: claims, and whether there are any (1)
  std::vector<uint8_t> extents_;           // kExtentWritten, kExtentRead of each allocation
};

// Claims stay with their machine from launch to launch: fresh memory costs more than the notes themselves.
class ClaimPool {
 public:
  explicit ClaimPool(const Arena &arena) : arena_(arena) {}
  Claims &get(size_t index);

 private:
  const Arena &arena_;
  std::vector<std::unique_ptr<Claims>> claims_;
};

}  // namespace vgpu
