// With tracking: words of memory that were written with a value of which bits are unknown. The map of known bytes says
// which bytes hold nothing but known bits; this says of the others which bits those are, and where the value came from.
//
// Most launches have no such word. Beyond kMost words nothing more is kept: those bytes are unknown as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "../exec/run.h"

namespace vgpu {

class UnknownWords {
 public:
  static constexpr size_t kMost = 1 << 20;

  // Of 1, 2, 4 or 8 aligned bytes. A word of which nothing is known, nor where it came from, is not kept.
  void remember(Space, uint64_t address, uint32_t bytes, uint64_t bits, uint64_t origin);
  // Leaves those of `bits` that are unknown.
  void recall(Space, uint64_t address, uint32_t bytes, uint64_t &bits, uint64_t &origin) const;
  void clear() { words_.clear(); }

 private:
  struct Word { uint32_t bits; uint64_t origin; };
  static uint64_t key(Space space, uint64_t address) { return uint64_t(space) << 60 | address >> 2; }
  std::unordered_map<uint64_t, Word> words_;
};

// Run::recall_call, Run::remember_call.
void recall_unknown(Run &, Space, uint64_t address, uint32_t bytes, uint64_t &bits, uint64_t &origin);
void remember_unknown(Run &, Space, uint64_t address, uint32_t bytes, uint64_t bits, uint64_t origin);

}  // namespace vgpu
