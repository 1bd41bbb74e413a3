// Which words of global memory a part of a launch read and wrote, to find out whether parts that ran at the same time
// depended on each other. One bit for each 4-byte word: two parts that write different bytes of one word count as
// dependent.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "../exec/run.h"

namespace vgpu {

class Claims {
 public:
  // `bytes` of device memory, from kGlobalBase.
  explicit Claims(uint64_t bytes) : pages_(bytes / kClaimPage + 1) {}

  ClaimPage **pages() { return pages_.data(); }
  ClaimPage *add_page(uint64_t page);

  // Takes over the claims of a later part and forgets them there. False: one wrote what the other wrote or read.
  bool absorb(Claims &later);

 private:
  std::vector<ClaimPage *> pages_;         // by address; null where nothing was touched
  std::vector<uint64_t> touched_;
  std::vector<std::unique_ptr<ClaimPage>> storage_, free_;
};

}  // namespace vgpu
