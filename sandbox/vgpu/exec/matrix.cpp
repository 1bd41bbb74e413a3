// Handlers of warp-level matrix operations.
//
// mma accumulates in f32, one fused multiply-add for each k in rising order; tensor cores sum in another order and with
// other intermediate roundings, so results agree with hardware within a tolerance, not bit for bit. Fragment layouts:
// https://docs.nvidia.com/cuda/parallel-thread-execution/#warp-level-matrix-instructions
#include "access.h"
#include "claiming.h"
#include "control.h"
#include "half.h"
#include "table.h"

namespace vgpu {
namespace {

constexpr u32 kRows = 16, kColumns = 8;

// Registers of an operand list: program.extra from op->target on, in the order d, a, b, c.
const u32 *registers_of(const Warp &w, const Op *op) { return w.run->program->extra.data() + op->target; }

struct Tile {
  f32 a[kRows][16], b[16][kColumns], d[kRows][kColumns];
};

template <class H>
void read_half_operands(const Warp &w, const u32 *a, const u32 *b, u32 k, Tile &tile) {
  for (u32 i = 0; i < k / 4; ++i) {
    const u32 *lanes = lanes_at<u32>(w, a[i]);
    for (u32 lane = 0; lane < kWarpSize; ++lane) {
      const u32 row = lane / 4 + (i & 1) * 8, column = lane % 4 * 2 + (i >> 1) * 8;
      tile.a[row][column] = H::widen(low_half(lanes[lane]));
      tile.a[row][column + 1] = H::widen(high_half(lanes[lane]));
    }
  }
  for (u32 i = 0; i < k / 8; ++i) {
    const u32 *lanes = lanes_at<u32>(w, b[i]);
    for (u32 lane = 0; lane < kWarpSize; ++lane) {
      const u32 row = lane % 4 * 2 + i * 8;
      tile.b[row][lane / 4] = H::widen(low_half(lanes[lane]));
      tile.b[row + 1][lane / 4] = H::widen(high_half(lanes[lane]));
    }
  }
}

// tf32 operands use the upper 19 bits of each register.
void read_tf32_operands(const Warp &w, const u32 *a, const u32 *b, u32 k, Tile &tile) {
  for (u32 i = 0; i < k / 2; ++i) {
    const u32 *lanes = lanes_at<u32>(w, a[i]);
    for (u32 lane = 0; lane < kWarpSize; ++lane) {
      tile.a[lane / 4 + (i & 1) * 8][lane % 4 + (i >> 1) * 4] = bits_as<f32>(lanes[lane] & 0xffffe000);
    }
  }
  for (u32 i = 0; i < k / 4; ++i) {
    const u32 *lanes = lanes_at<u32>(w, b[i]);
    for (u32 lane = 0; lane < kWarpSize; ++lane)
      tile.b[lane % 4 + i * 4][lane / 4] = bits_as<f32>(lanes[lane] & 0xffffe000);
  }
}

void read_f32_accumulators(const Warp &w, const u32 *c, Tile &tile) {
  for (u32 i = 0; i < 4; ++i) {
    const f32 *lanes = lanes_at<f32>(w, c[i]);
    for (u32 lane = 0; lane < kWarpSize; ++lane) tile.d[lane / 4 + (i >> 1) * 8][lane % 4 * 2 + (i & 1)] = lanes[lane];
  }
}
void write_f32_accumulators(const Warp &w, const u32 *d, const Tile &tile) {
  for (u32 i = 0; i < 4; ++i) {
    f32 *lanes = lanes_at<f32>(w, d[i]);
    for (u32 lane = 0; lane < kWarpSize; ++lane) {
      lanes[lane] = canon(tile.d[lane / 4 + (i >> 1) * 8][lane % 4 * 2 + (i & 1)]);
    }
  }
}

void read_f16_accumulators(const Warp &w, const u32 *c, Tile &tile) {
  for (u32 i = 0; i < 2; ++i) {
    const u32 *lanes = lanes_at<u32>(w, c[i]);
    for (u32 lane = 0; lane < kWarpSize; ++lane) {
      f32 *pair = &tile.d[lane / 4 + i * 8][lane % 4 * 2];
      pair[0] = f16_to_f32(low_half(lanes[lane]));
      pair[1] = f16_to_f32(high_half(lanes[lane]));
    }
  }
}
void write_f16_accumulators(const Warp &w, const u32 *d, const Tile &tile) {
  for (u32 i = 0; i < 2; ++i) {
    u32 *lanes = lanes_at<u32>(w, d[i]);
    for (u32 lane = 0; lane < kWarpSize; ++lane) {
      const f32 *pair = &tile.d[lane / 4 + i * 8][lane % 4 * 2];
      lanes[lane] = pack_halves(f32_to_f16(pair[0]), f32_to_f16(pair[1]));
    }
  }
}

void multiply(Tile &tile, u32 k) {
  for (u32 row = 0; row < kRows; ++row) {
    for (u32 i = 0; i < k; ++i) {
      const f32 a = tile.a[row][i];
      for (u32 column = 0; column < kColumns; ++column)
        tile.d[row][column] = fused(a, tile.b[i][column], tile.d[row][column]);
    }
  }
}

enum class Input : uint8_t { f16, bf16, tf32 };

void read_operands(const Warp &w, const u32 *a, const u32 *b, u32 k, Input input, Tile &tile) {
  if (input == Input::f16) read_half_operands<F16>(w, a, b, k, tile);
  else if (input == Input::bf16) read_half_operands<Bf16>(w, a, b, k, tile);
  else read_tf32_operands(w, a, b, k, tile);
}

// Every lane of the warp must take part. Otherwise `next` is what the handler returns.
bool whole_warp(Warp &w, const Op *op, const Op *&next) {
  if (w.mask == kAllLanes) return true;
  next = w.live == kAllLanes ? wait_for(w, op, ~w.mask) : stop_at(w, op, FaultKind::absent_lane, first_lane(w.mask));
  return false;
}

template <Input input, u32 k, bool wide>
const Op *mma(Warp &w, const Op *op) {
  const Op *elsewhere;
  if (!whole_warp(w, op, elsewhere)) return elsewhere;
  constexpr u32 accumulators = wide ? 4 : 2, a_registers = input == Input::tf32 ? k / 2 : k / 4;
  constexpr u32 b_registers = a_registers / 2;
  const u32 *d = registers_of(w, op), *a = d + accumulators, *b = a + a_registers, *c = b + b_registers;
  Tile tile;
  read_operands(w, a, b, k, input, tile);
  if (wide) read_f32_accumulators(w, c, tile);
  else read_f16_accumulators(w, c, tile);
  multiply(tile, k);
  if (wide) write_f32_accumulators(w, d, tile);
  else write_f16_accumulators(w, d, tile);
  return op + 1;
}

// --- ldmatrix
// ----------------------------------------------------------------------------------------------------------

// Lane 8 j + r holds the address of row r of matrix j; rows are 8 halves. op->kind: transposed.
template <class W>
const Op *ldmatrix(Warp &w, const Op *op) {
  const Op *elsewhere;
  if (!whole_warp(w, op, elsewhere)) return elsewhere;
  if (!W::known_address(w, op, Space::shared, op->a, op->offset)) return nullptr;
  Lanes64 address;
  gather_addresses(w, op, address);
  Request request;
  w.mask = op->n == 4 ? kAllLanes : (1u << (8 * op->n)) - 1;
  const bool good = prepare_request<Space::shared>(w, op, address, 16, false, request);
  if (good) W::shared(w, op, Access::load, request);
  w.mask = kAllLanes;
  if (!good) return nullptr;
  u32 loaded[4][kWarpSize];
  for (u32 matrix = 0; matrix < op->n; ++matrix) {
    u16 cell[8][8];
    for (u32 row = 0; row < 8; ++row) std::memcpy(cell[row], w.run->shared + address.at[matrix * 8 + row], 16);
    for (u32 lane = 0; lane < kWarpSize; ++lane) {
      const u32 row = lane / 4, column = lane % 4 * 2;
      loaded[matrix][lane] = op->kind ? pack_halves(cell[column][row], cell[column + 1][row])
                                      : pack_halves(cell[row][column], cell[row][column + 1]);
    }
  }
  for (u32 matrix = 0; matrix < op->n; ++matrix)
    std::memcpy(w.frame + op->v[matrix], loaded[matrix], sizeof loaded[matrix]);
  return op + 1;
}

template <class W>
void add_watched(Handler *row) {
  row[form_ldmatrix] = ldmatrix<W>;
}

}  // namespace

void add_matrix(HandlerTable &table) {
  add_watched<WatchNothing>(table[size_t(Watch::nothing)]);
  add_watched<WatchCounters>(table[size_t(Watch::counters)]);
  add_watched<WatchClaims>(table[size_t(Watch::claims)]);
  add_watched<WatchTiming>(table[size_t(Watch::timing)]);
  add_watched<WatchTracking>(table[size_t(Watch::tracking)]);
  set_all(table, form_mma_f32_f16, mma<Input::f16, 16, true>);
  set_all(table, form_mma_f32_bf16, mma<Input::bf16, 16, true>);
  set_all(table, form_mma_f16_f16, mma<Input::f16, 16, false>);
  set_all(table, form_mma_k8_f32_f16, mma<Input::f16, 8, true>);
  set_all(table, form_mma_k8_f32_bf16, mma<Input::bf16, 8, true>);
  set_all(table, form_mma_f32_tf32, mma<Input::tf32, 8, true>);
  set_all(table, form_mma_k4_f32_tf32, mma<Input::tf32, 4, true>);
}

}  // namespace vgpu
