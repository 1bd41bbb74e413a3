// Which elements of a product are known, under tracking: d[row][column] is, where the whole row of a, the whole column
// of b and c[row][column] are. A register is known in a lane where all its elements are.
#pragma once

#include "fragments.h"
#include "tracking.h"

namespace vgpu {

template <class S>
struct KnownTile {
  bool row[S::m], column[S::n], c[S::m][S::n];
  u64 origin;                      // of some unknown register
};

// Lanes of a register of a matrix that are not known altogether.
inline u32 unknown_lanes(const Warp &w, u32 slot, u32 bytes, u64 &origin) {
  const u32 lanes = ~known_lanes(w, slot);
  if (!lanes) return 0;
  const u32 lane = first_lane(lanes);
  origin = bytes == 8 ? unknown_of<u64>(w, slot, lane).origin : unknown_of<u32>(w, slot, lane).origin;
  return lanes;
}

template <class S>
inline void read_known(const Warp &w, const OperandList &r, KnownTile<S> &known) {
  constexpr u32 bytes = sizeof(typename S::A::Register);
  std::memset(&known, 1, sizeof known);
  known.origin = 0;
  for (u32 i = 0; i < S::a_registers; ++i) {
    for (u32 rest = unknown_lanes(w, r.a[i], bytes, known.origin); rest; rest &= rest - 1)
      known.row[place_in_a<typename S::A, S::m>(i, first_lane(rest), 0).row] = false;
  }
  for (u32 i = 0; i < S::b_registers; ++i) {
    for (u32 rest = unknown_lanes(w, r.b[i], bytes, known.origin); rest; rest &= rest - 1)
      known.column[place_in_b<typename S::B, S::k>(i, first_lane(rest), 0).column] = false;
  }
  for (u32 i = 0; i < S::c_registers; ++i) {
    for (u32 rest = unknown_lanes(w, r.c[i], bytes, known.origin); rest; rest &= rest - 1) {
      for (u32 e = 0; e < S::C::per; ++e) {
        const Place at = place_in_c<typename S::C, S::m>(i, first_lane(rest), e);
        known.c[at.row][at.column] = false;
      }
    }
  }
}

template <class S>
inline void write_known(const Warp &w, const OperandList &r, const KnownTile<S> &known) {
  for (u32 i = 0; i < S::d_registers; ++i) {
    const u32 known_here = lanes_where([&](u32 lane) {
      bool all = true;
      for (u32 e = 0; e < S::D::per; ++e) {
        const Place at = place_in_c<typename S::D, S::m>(i, lane, e);
        all = all && known.row[at.row] && known.column[at.column] && known.c[at.row][at.column];
      }
      return all;
    });
    learn(w, r.d[i], sizeof(typename S::D::Register), known_here, known.origin);
  }
}

}  // namespace vgpu
