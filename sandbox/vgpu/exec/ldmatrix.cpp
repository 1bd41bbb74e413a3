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

// Addresses of the rows, checked; false: a fault was recorded.
template <class W>
bool find_rows(Warp &w, const Op *op, Access access, Lanes64 &address) {
  if (!whole_warp(w, op)) return false;
  // Lanes that name no row have no say.
  w.mask = op->n == 4 ? kAllLanes : (1u << (8 * op->n)) - 1;
  bool good = W::known_address(w, op, Space::shared, op->a, op->offset);
  if (good) {
    gather_addresses(w, op, address);
    if (op->round) {
      for (u32 i = 0; i < kWarpSize; ++i) address.at[i] -= kSharedWindow;
    }
    Request request;
    good = prepare_request<Space::shared>(w, op, address, kRowBytes, access == Access::store, request);
    if (good) W::shared(w, op, access, request);
  }
  w.mask = kAllLanes;
  return good;
}

void transpose(const Cells &from, Cells &to) {
  for (u32 row = 0; row < 8; ++row) {
    for (u32 column = 0; column < 8; ++column) to[column][row] = from[row][column];
  }
}

// Whether the two elements that `lane` loads from matrix j are initialised.
bool known_elements(const Warp &w, const Op *op, const Lanes64 &address, u32 j, u32 lane) {
  const u32 outer = lane / 4, inner = lane % 4 * 2;
  const u64 *row = address.at + 8 * j;
  if (op->kind != kTransposed) return all_known(w.run->known_shared, row[outer] + inner * 2, 4);
  return all_known(w.run->known_shared, row[inner] + outer * 2, 2) &&
         all_known(w.run->known_shared, row[inner + 1] + outer * 2, 2);
}

template <class W>
const Op *ldmatrix(Warp &w, const Op *op) {
  Lanes64 address;
  if (!find_rows<W>(w, op, Access::load, address)) return w.elsewhere;
  for (u32 j = 0; j < op->n; ++j) {
    Cells rows, columns;
    for (u32 r = 0; r < 8; ++r) std::memcpy(rows[r], w.run->shared + address.at[8 * j + r], kRowBytes);
    if (op->kind == kTransposed) transpose(rows, columns);
    std::memcpy(w.frame + op->v[j], op->kind == kTransposed ? columns : rows, sizeof rows);
    if (W::kind == Watch::tracking) {
      known_lanes(w, op->v[j]) = lanes_where([&](u32 lane) { return known_elements(w, op, address, j, lane); });
    }
  }
  return op + 1;
}

void set_known_elements(const Warp &w, const Op *op, const Lanes64 &address, u32 j) {
  for (u32 lane = 0; lane < kWarpSize; ++lane) {
    const bool known = in_mask(known_lanes(w, op->v[j]), lane);
    const u32 outer = lane / 4, inner = lane % 4 * 2;
    for (u32 e = 0; e < 2; ++e) {
      const u32 row = op->kind == kTransposed ? inner + e : outer, column = op->kind == kTransposed ? outer : inner + e;
      set_known(w.run->known_shared, address.at[8 * j + row] + column * 2, 2, known);
    }
  }
}

template <class W>
const Op *stmatrix(Warp &w, const Op *op) {
  Lanes64 address;
  if (!find_rows<W>(w, op, Access::store, address)) return w.elsewhere;
  for (u32 j = 0; j < op->n; ++j) {
    Cells rows, columns;
    std::memcpy(rows, w.frame + op->v[j], sizeof rows);
    if (op->kind == kTransposed) transpose(rows, columns);
    const Cells &stored = op->kind == kTransposed ? columns : rows;
    for (u32 r = 0; r < 8; ++r) std::memcpy(w.run->shared + address.at[8 * j + r], stored[r], kRowBytes);
    if (W::kind == Watch::tracking) set_known_elements(w, op, address, j);
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
  const u32 known = known_lanes(w, op->a);
  known_lanes(w, op->d) = lanes_where([&](u32 lane) {
    const u32 row = lane % 4 * 2, half = lane / 8;                // lane / 4 is a column, two to a lane
    return in_mask(known, row * 4 + half) && in_mask(known, (row + 1) * 4 + half);
  });
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
