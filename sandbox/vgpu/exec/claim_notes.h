// Writes notes into the claims of a part of a launch (memory/claims.h): which words were read or written.
#pragma once

#include "run.h"

namespace vgpu {

inline void note_cell(const Run &run, Access access, uint64_t cell, uint64_t bits) {
  ClaimPage &page = run.claims[cell / kClaimCells];
  run.claimed[cell / kClaimCells] = 1;
  if (access != Access::store) page.reads[cell % kClaimCells] |= bits;
  if (access != Access::load) page.writes[cell % kClaimCells] |= bits;
}

// An aligned element of 1 to 32 bytes: its words share a cell.
inline void note_element(const Run &run, Access access, uint64_t address, uint32_t bytes) {
  const uint64_t word = (address - kGlobalBase) >> 2;
  note_cell(run, access, word / 64, ((uint64_t(1) << (bytes + 3) / 4) - 1) << (word % 64));
}

inline void note_stretch(const Run &run, Access access, uint64_t address, uint64_t bytes) {
  const uint64_t first = (address - kGlobalBase) >> 2, last = (address - kGlobalBase + bytes - 1) >> 2;
  const uint64_t behind_first = ~uint64_t(0) << (first % 64), to_last = ~uint64_t(0) >> (63 - last % 64);
  if (first / 64 == last / 64) return note_cell(run, access, first / 64, behind_first & to_last);
  note_cell(run, access, first / 64, behind_first);
  for (uint64_t cell = first / 64 + 1; cell < last / 64; ++cell) note_cell(run, access, cell, ~uint64_t(0));
  note_cell(run, access, last / 64, to_last);
}

inline void note_box(const Run &run, const ClaimBox &box) {
  const uint64_t bytes = box.bytes;
  const bool one_element = bytes <= 16 && ((bytes | box.first | box.step) & (bytes - 1)) == 0;
  for (uint32_t i = 0; i < box.stretches; ++i) {
    const uint64_t address = box.first + i * box.step;
    if (one_element) note_element(run, box.access, address, uint32_t(bytes));
    else note_stretch(run, box.access, address, bytes);
  }
}

}  // namespace vgpu
