// Handlers of mma.m8n8k4 with f16: four products at once, one for each quad pair (lanes 4 q .. 4 q + 3 and those 16
// further on). Sums as in exec/products.h: one fused multiply-add for each k in rising order.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#warp-level-matrix-fragment-mma-884-f16
#include "known_products.h"
#include "table.h"

namespace vgpu {
namespace {

// Op::kind: layouts of a and b.
enum : u8 { kColumnsOfA = 1, kColumnsOfB = 2 };

u32 quad_of(u32 lane) { return lane % 16 / 4; }
// The place of a lane among the eight of its pair.
u32 rank_of(u32 lane) { return lane % 4 + (lane < 16 ? 0 : 4); }

// Where element i of lane's fragment of a or b lies; `along`: a lane holds four elements of one row of a (column of b).
Place place_in_pair(u32 lane, u32 i, bool along) {
  if (along) return {rank_of(lane), i};
  return {i + (lane < 16 ? 0 : 4), lane % 4};
}
Place place_in_sums(u32 lane, u32 i, bool halves) {
  if (halves) return {rank_of(lane), i};
  return {(lane & 1) + (i & 2) + (lane < 16 ? 0 : 4), (i & 4) + (lane & 2) + (i & 1)};
}

struct QuadTile {
  f32 a[4][8][4], b[4][8][4], sum[4][8][8];      // b by columns
};

f32 half_of(const Warp &w, const u32 *registers, u32 lane, u32 i) {
  return f16_to_f32(u16(lanes_at<u32>(w, registers[i / 2])[lane] >> (i % 2 * 16)));
}

void read_quads(const Warp &w, const Op *op, const u32 *a, const u32 *b, QuadTile &tile) {
  for (u32 lane = 0; lane < kWarpSize; ++lane) {
    for (u32 i = 0; i < 4; ++i) {
      const Place in_a = place_in_pair(lane, i, !(op->kind & kColumnsOfA));
      const Place in_b = place_in_pair(lane, i, op->kind & kColumnsOfB);
      tile.a[quad_of(lane)][in_a.row][in_a.column] = half_of(w, a, lane, i);
      tile.b[quad_of(lane)][in_b.row][in_b.column] = half_of(w, b, lane, i);
    }
  }
}

template <bool halves>
void read_sums(const Warp &w, const u32 *c, QuadTile &tile) {
  for (u32 lane = 0; lane < kWarpSize; ++lane) {
    for (u32 i = 0; i < 8; ++i) {
      const Place at = place_in_sums(lane, i, halves);
      tile.sum[quad_of(lane)][at.row][at.column] = halves ? half_of(w, c, lane, i) : lanes_at<f32>(w, c[i])[lane];
    }
  }
}

void multiply_quads(QuadTile &tile) {
  for (u32 quad = 0; quad < 4; ++quad) {
    for (u32 row = 0; row < 8; ++row) {
      for (u32 column = 0; column < 8; ++column) {
        f32 &sum = tile.sum[quad][row][column];
        for (u32 k = 0; k < 4; ++k) sum = fused(tile.a[quad][row][k], tile.b[quad][column][k], sum);
      }
    }
  }
}

template <bool halves>
void write_sums(const Warp &w, const u32 *d, const QuadTile &tile) {
  for (u32 lane = 0; lane < kWarpSize; ++lane) {
    for (u32 i = 0; i < 8; ++i) {
      const Place at = place_in_sums(lane, i, halves);
      const f32 sum = tile.sum[quad_of(lane)][at.row][at.column];
      if (!halves) lanes_at<f32>(w, d[i])[lane] = canon(sum);
      else lanes_at<u16>(w, d[i / 2])[2 * lane + i % 2] = f32_to_f16(sum);
    }
  }
}

template <bool d_halves, bool c_halves>
const Op *quads(Warp &w, const Op *op) {
  if (!whole_warp(w, op)) return w.elsewhere;
  const u32 *d = w.run->program->extra.data() + op->target, *a = d + (d_halves ? 4 : 8), *b = a + 2, *c = b + 2;
  QuadTile tile;
  read_quads(w, op, a, b, tile);
  read_sums<c_halves>(w, c, tile);
  multiply_quads(tile);
  write_sums<d_halves>(w, d, tile);
  return op + 1;
}

// A quad pair is known where all its operands are.
template <bool d_halves, bool c_halves>
const Op *tracked_quads(Warp &w, const Op *op) {
  if (!whole_warp(w, op)) return w.elsewhere;
  constexpr u32 results = d_halves ? 4 : 8, sources = 4 + (c_halves ? 4 : 8);
  const u32 *registers = w.run->program->extra.data() + op->target;
  u32 unknown = 0;
  u64 origin = 0;
  for (u32 i = results; i < results + sources; ++i) unknown |= unknown_lanes(w, registers[i], 4, origin);
  const u32 known = lanes_where([&](u32 lane) { return !(unknown & 0x000f000fu << 4 * quad_of(lane)); });
  for (u32 i = 0; i < results; ++i) learn(w, registers[i], 4, known, origin);
  return quads<d_halves, c_halves>(w, op);
}

template <bool d_halves, bool c_halves>
void add_form(HandlerTable &table, uint16_t form) {
  set_all(table, form, quads<d_halves, c_halves>);
  table[size_t(Watch::tracking)][form] = tracked_quads<d_halves, c_halves>;
}

}  // namespace

void add_quads(HandlerTable &table) {
  add_form<false, false>(table, form_mma_quads_f32);
  add_form<true, true>(table, form_mma_quads_f16);
  add_form<false, true>(table, form_mma_quads_f32_f16);
}

}  // namespace vgpu
