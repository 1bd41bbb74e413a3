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
  for (size_t i = 0; i < extents_.size(); ++i) extents_[i] |= later.extents_[i];
  for (auto &each : later.storage_) later.free_.push_back(std::move(each));
  later.storage_.clear();
  later.touched_.clear();
  return conflicts == 0;
}

std::vector<bool> Claims::written(const Arena &arena) const {
  const std::vector<Extent> &extents = arena.extents();
  std::vector<bool> found(extents.size());
  for (const uint64_t page : touched_) {
    for (uint32_t cell = 0; cell < kClaimWords; ++cell) {
      if (pages_[page]->writes[cell] == 0) continue;
      // 256 bytes: guard bands keep a second allocation out of them.
      const uint64_t low = kGlobalBase + page * kClaimPage + cell * 256;
      for (size_t i = 0; i < extents.size(); ++i) {
        if (low < extents[i].high && low + 256 > extents[i].low) found[i] = true;
      }
    }
  }
  return found;
}

void Claims::learn_written(const Arena &arena) {
  const std::vector<bool> found = written(arena);
  for (size_t i = 0; i < found.size(); ++i) extents_[i] |= found[i] ? kExtentWritten : 0;
}

bool Claims::reads_are_known(const Arena &arena) const {
  const std::vector<bool> found = written(arena);
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i] && (extents_[i] & kExtentRead)) return false;
  }
  return true;
}

}  // namespace vgpu
