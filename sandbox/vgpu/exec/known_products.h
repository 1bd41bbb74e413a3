// Which elements of a product are known, under tracking: d[row][column] is, where the whole row of a, the whole column
// of b and c[row][column] are. A register is known in a lane where all its elements are.
#pragma once

#include "fragments.h"
#include "tracking.h"

namespace vgpu {

template <class S>
struct KnownTile {
  bool row[S::m], column[S::n], c[S::m][S::n];
};

template <class S>
inline void read_known(const Warp &w, const OperandList &r, KnownTile<S> &known) {
  std::memset(&known, 1, sizeof known);
  for (u32 i = 0; i < S::a_registers; ++i) {
    for (u32 rest = ~known_lanes(w, r.a[i]); rest; rest &= rest - 1)
      known.row[place_in_a<typename S::A, S::m>(i, first_lane(rest), 0).row] = false;
  }
  for (u32 i = 0; i < S::b_registers; ++i) {
    for (u32 rest = ~known_lanes(w, r.b[i]); rest; rest &= rest - 1)
      known.column[place_in_b<typename S::B, S::k>(i, first_lane(rest), 0).column] = false;
  }
  for (u32 i = 0; i < S::c_registers; ++i) {
    for (u32 rest = ~known_lanes(w, r.c[i]); rest; rest &= rest - 1) {
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
    known_lanes(w, r.d[i]) = lanes_where([&](u32 lane) {
      bool all = true;
      for (u32 e = 0; e < S::D::per; ++e) {
        const Place at = place_in_c<typename S::D, S::m>(i, lane, e);
        all = all && known.row[at.row] && known.column[at.column] && known.c[at.row][at.column];
      }
      return all;
    });
  }
}

}  // namespace vgpu
