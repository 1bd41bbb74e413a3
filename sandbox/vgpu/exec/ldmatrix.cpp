// Handlers of ldmatrix, stmatrix and movmatrix. A matrix is 8 rows of 8 elements of 16 bits; lane 8 j + r holds the
// address of row r of matrix j, and lane l holds elements 2 (l mod 4) and the next of row l / 4 (.trans: of column
// l / 4). Each row is one access of 16 bytes, checked and counted like any other.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#warp-level-matrix-instructions-ldmatrix
#include "access.h"
#include "every_watch.h"
#include "fragments.h"

namespace vgpu {
namespace {

constexpr u32 kRowBytes = 16;
using Cells = u16[8][8];

// op->kind: transposed. op->round: the address is a generic one and must lie in shared memory.
enum : u8 { kTransposed = 1 };

// Addresses of the rows, checked, and the lanes whose row is out of reach; false: a fault was recorded.
template <class W>
bool find_rows(Warp &w, const Op *op, Access access, Lanes64 &address, u32 &lost) {
  if (!whole_warp(w, op)) return false;
  // Lanes that name no row have no say.
  w.mask = op->n == 4 ? kAllLanes : (1u << (8 * op->n)) - 1;
  bool good = W::known_address(w, op, Space::shared, op->a, op->offset);
  if (good) {
    gather_addresses(w, op, address);
    if (op->round) {
      for (u32 i = 0; i < kWarpSize; ++i) address.at[i] -= kSharedWindow;
    }
    Request request{};
    do good = !w.mask || prepare_request<Space::shared>(w, op, address, kRowBytes, access == Access::store, request);
    while (!good && survive(w));
    if (good && w.mask) W::shared(w, op, access, request);
  }
  lost = w.lost;
  w.lost = 0;
  w.mask = kAllLanes;
  return good;
}

// Row r of matrix j. One out of reach reads as the poison pattern.
void read_row(const Warp &w, const Lanes64 &address, u32 lost, u32 lane, u16 *row) {
  if (!in_mask(lost, lane)) {
    std::memcpy(row, w.run->shared + address.at[lane], kRowBytes);
    return;
  }
  for (u32 i = 0; i < kRowBytes / 4; ++i) std::memcpy(row + 2 * i, &w.run->poison, 4);
}

void transpose(const Cells &from, Cells &to) {
  for (u32 row = 0; row < 8; ++row) {
    for (u32 column = 0; column < 8; ++column) to[column][row] = from[row][column];
  }
}

// What is unknown of the two elements that `lane` loads from matrix j.
Unknown unknown_elements(const Warp &w, const Op *op, const Lanes64 &address, u32 lost, u32 j, u32 lane) {
  Unknown both;
  for (u32 e = 0; e < 2; ++e) {
    const u32 inner = lane % 4 * 2 + e, outer = lane / 4, row = op->kind == kTransposed ? inner : outer;
    if (in_mask(lost, 8 * j + row)) continue;
    const u64 at = address.at[8 * j + row] + 2 * (op->kind == kTransposed ? outer : inner);
    both.add(unknown_at(w, op, Space::shared, w.run->known_shared, at, at, 2), 16 * e);
  }
  return both;
}

void learn_matrix(const Warp &w, const Op *op, const Lanes64 &address, u32 lost, u32 j) {
  bool known = lost == 0;
  for (u32 r = 0; known && r < 8; ++r) known = all_known(w.run->known_shared, address.at[8 * j + r], kRowBytes);
  if (known) {
    known_lanes(w, op->v[j]) = kAllLanes;
    return;
  }
  for (u32 lane = 0; lane < kWarpSize; ++lane)
    learn_lane<u32>(w, op->v[j], lane, unknown_elements(w, op, address, lost, j, lane));
}

template <class W>
const Op *ldmatrix(Warp &w, const Op *op) {
  Lanes64 address;
  u32 lost;
  if (!find_rows<W>(w, op, Access::load, address, lost)) return w.elsewhere;
  for (u32 j = 0; j < op->n; ++j) {
    Cells rows, columns;
    for (u32 r = 0; r < 8; ++r) read_row(w, address, lost, 8 * j + r, rows[r]);
    if (op->kind == kTransposed) transpose(rows, columns);
    std::memcpy(w.frame + op->v[j], op->kind == kTransposed ? columns : rows, sizeof rows);
    if (W::kind == Watch::tracking) {
      learn_matrix(w, op, address, lost, j);
    }
  }
  return op + 1;
}

void set_unknown_elements(const Warp &w, const Op *op, const Lanes64 &address, u32 lost, u32 j) {
  if (lost == 0 && known_lanes(w, op->v[j]) == kAllLanes) {
    for (u32 r = 0; r < 8; ++r) set_known(w.run->known_shared, address.at[8 * j + r], kRowBytes, true);
    return;
  }
  for (u32 lane = 0; lane < kWarpSize; ++lane) {
    const Unknown both = unknown_of<u32>(w, op->v[j], lane);
    const u32 outer = lane / 4, inner = lane % 4 * 2;
    for (u32 e = 0; e < 2; ++e) {
      const u32 row = op->kind == kTransposed ? inner + e : outer, column = op->kind == kTransposed ? outer : inner + e;
      const Unknown one{both.bits >> 16 * e & 0xffff, both.origin};
      if (in_mask(lost, 8 * j + row)) continue;
      set_unknown(w, Space::shared, w.run->known_shared, address.at[8 * j + row] + column * 2, 2, one);
    }
  }
}

template <class W>
const Op *stmatrix(Warp &w, const Op *op) {
  Lanes64 address;
  u32 lost;
  if (!find_rows<W>(w, op, Access::store, address, lost)) return w.elsewhere;
  for (u32 j = 0; j < op->n; ++j) {
    Cells rows, columns;
    std::memcpy(rows, w.frame + op->v[j], sizeof rows);
    if (op->kind == kTransposed) transpose(rows, columns);
    const Cells &stored = op->kind == kTransposed ? columns : rows;
    for (u32 r = 0; r < 8; ++r) {
      if (!in_mask(lost, 8 * j + r)) std::memcpy(w.run->shared + address.at[8 * j + r], stored[r], kRowBytes);
    }
    if (W::kind == Watch::tracking) set_unknown_elements(w, op, address, lost, j);
  }
  return op + 1;
}

const Op *movmatrix(Warp &w, const Op *op) {
  if (!whole_warp(w, op)) return w.elsewhere;
  Cells rows, columns;
  std::memcpy(rows, w.frame + op->a, sizeof rows);
  transpose(rows, columns);
  std::memcpy(w.frame + op->d, columns, sizeof columns);
  return op + 1;
}

const Op *tracked_movmatrix(Warp &w, const Op *op) {
  if (!whole_warp(w, op)) return w.elsewhere;
  if (known_lanes(w, op->a) == kAllLanes) {
    known_lanes(w, op->d) = kAllLanes;
    return movmatrix(w, op);
  }
  Unknown moved[kWarpSize];
  for (u32 lane = 0; lane < kWarpSize; ++lane) {
    const u32 row = lane % 4 * 2, half = lane / 8, element = lane / 4 % 2;      // lane / 4 is a column, two to a lane
    for (u32 e = 0; e < 2; ++e) {
      const Unknown from = unknown_of<u32>(w, op->a, (row + e) * 4 + half);
      moved[lane].add({from.bits >> 16 * element & 0xffff, from.origin}, 16 * e);
    }
  }
  for (u32 lane = 0; lane < kWarpSize; ++lane) learn_lane<u32>(w, op->d, lane, moved[lane]);
  return movmatrix(w, op);
}

template <class W>
void add_watched(Handler *row) {
  row[form_ldmatrix] = ldmatrix<W>;
  row[form_stmatrix] = stmatrix<W>;
}

}  // namespace

void add_ldmatrix(HandlerTable &table) {
  for_every_watch(table, [](auto watch, Handler *row) { add_watched<decltype(watch)>(row); });
  set_all(table, form_movmatrix, movmatrix);
  table[size_t(Watch::tracking)][form_movmatrix] = tracked_movmatrix;
}

}  // namespace vgpu
