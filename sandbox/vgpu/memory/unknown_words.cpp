#include "unknown_words.h"

#include <algorithm>

namespace vgpu {
namespace {

UnknownWords &words_of(Run &run, Space space) {
  return *static_cast<UnknownWords *>(space == Space::global ? run.unknown_words : run.unknown_block_words);
}

}  // namespace

void UnknownWords::remember(Space space, uint64_t address, uint32_t bytes, uint64_t bits, uint64_t origin) {
  for (uint32_t done = 0; done < bytes; done += 4) {
    const uint32_t shift = uint32_t(address & 3) * 8, size = std::min(bytes - done, 4u) * 8;
    const uint32_t stored = uint32_t((uint64_t(1) << size) - 1) << shift;
    const uint32_t given = uint32_t(bits >> 8 * done) << shift & stored;
    const uint64_t word = key(space, address + done);
    const auto found = words_.find(word);
    if (found != words_.end()) found->second = {(found->second.bits & ~stored) | given, origin};
    else if ((given != stored || origin) && words_.size() < kMost) words_[word] = {~stored | given, origin};
  }
}

void UnknownWords::recall(Space space, uint64_t address, uint32_t bytes, uint64_t &bits, uint64_t &origin) const {
  if (words_.empty()) return;
  uint64_t kept = 0;
  bool any = false;
  for (uint32_t done = 0; done < bytes; done += 4) {
    const auto found = words_.find(key(space, address + done));
    const uint64_t word = found == words_.end() ? 0xffffffff : found->second.bits >> uint32_t(address & 3) * 8;
    kept |= word << 8 * done;
    if (found == words_.end() || any) continue;
    any = true;
    origin = found->second.origin;
  }
  bits &= kept;
}

void recall_unknown(Run &run, Space space, uint64_t address, uint32_t bytes, uint64_t &bits, uint64_t &origin) {
  words_of(run, space).recall(space, address, bytes, bits, origin);
}
void remember_unknown(Run &run, Space space, uint64_t address, uint32_t bytes, uint64_t bits, uint64_t origin) {
  words_of(run, space).remember(space, address, bytes, bits, origin);
}

}  // namespace vgpu
