#include "claims.h"

#include <cstring>

namespace vgpu {
namespace {

// Pages of claims for `bytes` of global memory, in whole words of Claims::touched_.
uint64_t pages_for(uint64_t bytes) { return bytes / kClaimPage / 8 * 8 + 8; }

}  // namespace

Claims::Claims(const Arena &arena)
    : arena_(arena),
      pages_(pages_for(arena.reserved()) * sizeof(ClaimPage), Pages::Start::closed),
      touched_(pages_for(arena.reserved()), Pages::Start::closed) {}

// Visits every touched page, and forgets that it was.
template <class Visit>
void Claims::take_touched(Visit visit) {
  for (uint64_t first = 0; first < pages_for(arena_.bytes()); first += 8) {
    uint64_t eight;
    std::memcpy(&eight, touched() + first, sizeof eight);
    if (eight == 0) continue;
    for (uint64_t page = first; page < first + 8; ++page) {
      if (touched()[page]) visit(page);
    }
    std::memset(touched() + first, 0, sizeof eight);
  }
}

void Claims::begin(const std::vector<bool> &written) {
  pages_.open(pages_for(arena_.bytes()) * sizeof(ClaimPage));
  touched_.open(pages_for(arena_.bytes()));
  take_touched([this](uint64_t page) { pages()[page] = ClaimPage{}; });
  extents_.clear();
  for (const bool each : written) extents_.push_back(each ? kExtentWritten : 0);
}

bool Claims::absorb(Claims &later) {
  uint64_t conflicts = 0;
  later.take_touched([&](uint64_t page) {
    ClaimPage &theirs = later.pages()[page], &ours = pages()[page];
    for (uint32_t cell = 0; cell < kClaimCells; ++cell) {
      conflicts |= theirs.writes[cell] & (ours.reads[cell] | ours.writes[cell]);
      conflicts |= theirs.reads[cell] & ours.writes[cell];
      ours.reads[cell] |= theirs.reads[cell];
      ours.writes[cell] |= theirs.writes[cell];
    }
    theirs = ClaimPage{};
    touched()[page] = 1;
  });
  for (size_t i = 0; i < extents_.size(); ++i) extents_[i] |= later.extents_[i];
  return conflicts == 0;
}

// Guard bands keep a second allocation out of the 256 bytes of a cell.
bool Claims::is_written(const Extent &extent) const {
  if (extent.low == extent.high) return false;
  const uint64_t first = (extent.low - kGlobalBase) / 256, last = (extent.high - kGlobalBase - 1) / 256;
  for (uint64_t page = first / kClaimCells; page <= last / kClaimCells; ++page) {
    if (!touched()[page]) continue;
    for (uint64_t cell = page * kClaimCells; cell < (page + 1) * kClaimCells; ++cell) {
      if (cell >= first && cell <= last && pages()[page].writes[cell % kClaimCells]) return true;
    }
  }
  return false;
}

bool Claims::reads_are_known() const {
  for (size_t i = 0; i < extents_.size(); ++i) {
    if (extents_[i] == kExtentRead && is_written(arena_.extents()[i])) return false;
  }
  return true;
}

Claims &ClaimPool::get(size_t index) {
  while (claims_.size() <= index) claims_.push_back(std::make_unique<Claims>(arena_));
  return *claims_[index];
}

}  // namespace vgpu
