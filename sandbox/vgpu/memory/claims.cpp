#include "claims.h"

namespace vgpu {

ClaimPage *Claims::add_page(uint64_t page) {
  std::unique_ptr<ClaimPage> made;
  if (free_.empty()) {
    made = std::make_unique<ClaimPage>();
  } else {
    made = std::move(free_.back());
    free_.pop_back();
    *made = ClaimPage{};
  }
  pages_[page] = made.get();
  touched_.push_back(page);
  storage_.push_back(std::move(made));
  return pages_[page];
}

bool Claims::absorb(Claims &later) {
  uint64_t conflicts = 0;
  for (const uint64_t page : later.touched_) {
    const ClaimPage &theirs = *later.pages_[page];
    ClaimPage &ours = pages_[page] ? *pages_[page] : *add_page(page);
    for (uint32_t i = 0; i < kClaimWords; ++i) {
      conflicts |= (theirs.writes[i] & (ours.reads[i] | ours.writes[i])) | (theirs.reads[i] & ours.writes[i]);
      ours.reads[i] |= theirs.reads[i];
      ours.writes[i] |= theirs.writes[i];
    }
    later.pages_[page] = nullptr;
  }
  for (auto &each : later.storage_) later.free_.push_back(std::move(each));
  later.storage_.clear();
  later.touched_.clear();
  return conflicts == 0;
}

}  // namespace vgpu
