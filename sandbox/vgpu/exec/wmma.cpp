// Handlers of wmma.load and wmma.store: fragments as in exec/fragments.h, moved by ordinary accesses.
//
// The elements that a lane holds side by side (those of one register; of accumulators a pair) are a cell. A cell whose
// elements also lie side by side in memory is one access of the warp. Where they do not, elements of 16 bits are moved
// as the transposed 8 x 8 block, one access too (as ptxas does with movmatrix); others one by one. Each access is
// checked for bounds and natural alignment, counted and tracked like a load or store of that size. Each lane uses its
// own address and stride; the manual wants them equal.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#warp-level-matrix-instructions-wmma-ld
#include "access.h"
#include "every_watch.h"
#include "fragments.h"

namespace vgpu {
namespace {

// What lower/matrix_forms.cpp wrote into the operation.
struct Geometry {
  u32 outer_groups, inner_groups;    // of 8 rows (b: columns) and of 4 cells
  u32 per;                           // elements of a cell
  u32 bits;                          // of an element
  bool inner_first;                  // cells are numbered along the inner direction first (b)
  bool together;                     // elements of a cell lie side by side in memory
  bool turned;                       // those of the transposed block do
  u32 registers, listed;             // of a fragment; as the form lists them
  u32 register_bytes;

  explicit Geometry(const Op *op)
      : outer_groups(op->v[0] & 0xff), inner_groups(op->v[0] >> 8), per(op->v[1] & 0xff), bits(op->v[1] >> 8),
        inner_first(op->kind & 1), together(op->kind & 2), turned(!together && per == 2 && bits == 16),
        registers(op->n), listed(op->v[2]),
        register_bytes(op->bytes) {}
  u32 cells() const { return outer_groups * inner_groups; }
  u32 cell_bytes() const { return per * bits / 8; }
  u32 registers_of_cell() const { return cell_bytes() / register_bytes; }
  u32 accesses_of_cell() const { return together || turned ? 1 : per; }
  u32 access_bytes() const { return together || turned ? cell_bytes() : bits / 8; }
  // The bytes that are known or not as one.
  u32 piece_bytes() const { return turned ? 2 : register_bytes; }

  // The place of an element in memory: lines, which are a stride apart, and elements of a line.
  struct At { u64 line, along; };
  At at(u64 outer, u64 inner) const { return together ? At{outer, inner} : At{inner, outer}; }
  // Of a lane within its group, and of access `part` of a cell.
  At of_lane(u32 lane) const { return turned ? At{lane / 4, lane % 4 * 2} : at(lane / 4, lane % 4 * per); }
  At of_access(u32 cell, u32 part) const {
    const u32 outer_group = inner_first ? cell / inner_groups : cell % outer_groups;
    const u32 inner_group = inner_first ? cell % inner_groups : cell / outer_groups;
    return at(outer_group * 8, inner_group * 4 * per + part);
  }
};

// Where each lane starts, and bits from line to line; read before anything is written: a result may lie where they
// were.
struct Start {
  Lanes64 address;
  u64 bits[kWarpSize], stride[kWarpSize];
};

template <class W, Space S>
bool read_start(Warp &w, const Op *op, const Geometry &g, Start &start) {
  if (!whole_warp(w, op) || !W::known_address(w, op, S, op->a, op->offset)) return false;
  gather_addresses(w, op, start.address);
  if (op->c != kNone && !W::known_address(w, op, S, op->c, 0)) return false;
  for (u32 i = 0; i < kWarpSize; ++i) {
    const Geometry::At at = g.of_lane(i);
    start.stride[i] = u64(op->c == kNone ? op->v[3] : lanes_at<u32>(w, op->c)[i]) * g.bits;
    start.bits[i] = at.line * start.stride[i] + at.along * g.bits;
  }
  return true;
}

// A cell of every lane on its way, and the lanes in which each of its registers (of a turned cell: halves) is known.
struct Staged {
  alignas(16) char bytes[kWarpSize][16];
  u32 known[2] = {kAllLanes, kAllLanes};
  u64 origin = 0;                  // of some unknown one
};

// The `bytes` at `at` of a state space become, or are, what bytes from `skip` on of the lane's cell are.
template <Space S, Access access>
void track(const Warp &w, const Op *op, const Geometry &g, u64 address, u32 skip, u32 lane, Staged &staged) {
  const u32 bytes = g.access_bytes(), piece = bytes < g.piece_bytes() ? bytes : g.piece_bytes();
  u64 at = address;
  uint8_t *map = WatchTracking::map_of(w, S, lane, at);
  for (u32 i = 0; i < bytes; i += piece) {
    u32 &known = staged.known[(skip + i) / g.piece_bytes()];
    if (access == Access::store) {
      set_unknown(w, S, map, at + i, piece, {in_mask(known, lane) ? 0 : ~u64(0), staged.origin});
      continue;
    }
    const Unknown value = unknown_at(w, op, S, map, at + i, address + i, piece);
    if (!value.bits) continue;
    known &= ~(1u << lane);
    staged.origin = value.origin;
  }
}

// The lanes whose register is stored and not known altogether.
void note_register(const Warp &w, u32 slot, const Geometry &g, u32 i, Staged &staged) {
  staged.known[i] = known_lanes(w, slot);
  if (staged.known[i] == kAllLanes) return;
  const u32 lane = first_lane(~staged.known[i]);
  staged.origin = (g.register_bytes == 8 ? unknown_of<u64>(w, slot, lane) : unknown_of<u32>(w, slot, lane)).origin;
}

template <u32 bytes, Access access>
void copy(char *base, const Lanes64 &address, u32 mask, u32 skip, Staged &staged) {
  for (u32 lane = 0; lane < kWarpSize; ++lane) {
    if (!in_mask(mask, lane)) continue;
    char *memory = base + address.at[lane], *cell = staged.bytes[lane] + skip;
    std::memcpy(access == Access::store ? memory : cell, access == Access::store ? cell : memory, bytes);
  }
}
template <Access access>
void copy_any(u32 bytes, char *base, const Lanes64 &address, u32 mask, u32 skip, Staged &staged) {
  if (bytes == 1) copy<1, access>(base, address, mask, skip, staged);
  if (bytes == 2) copy<2, access>(base, address, mask, skip, staged);
  if (bytes == 4) copy<4, access>(base, address, mask, skip, staged);
  if (bytes == 8) copy<8, access>(base, address, mask, skip, staged);
  if (bytes == 16) copy<16, access>(base, address, mask, skip, staged);
}

// Lanes whose access does not happen read the poison pattern.
template <Access access>
void lose(Warp &w, u32 bytes, u32 skip, u32 lanes, Staged &staged) {
  for (u32 rest = access == Access::load ? w.lost & lanes : 0; rest; rest &= rest - 1) {
    const char *poison = reinterpret_cast<const char *>(&w.run->poison);
    for (u32 i = 0; i < bytes; ++i) staged.bytes[first_lane(rest)][skip + i] = poison[(skip + i) % 4];
  }
  w.lost = 0;
}

// What an access does after it was checked.
template <class W, Space S, Access access>
void move_lanes(Warp &w, const Op *op, const Geometry &g, Lanes64 &address, const Request &request, u32 skip,
                Staged &staged) {
  const u32 bytes = g.access_bytes();
  state_access<W, S>(w, op, access, request);
  if (W::kind == Watch::tracking) {
    for (u32 rest = w.mask; rest; rest &= rest - 1)
      track<S, access>(w, op, g, address.at[first_lane(rest)], skip, first_lane(rest), staged);
    const u32 unknown = w.mask & ~(staged.known[0] & staged.known[1]);
    if (S == Space::global && access == Access::store && unknown)
      WatchTracking::report(w, op, unknown, address.at[first_lane(unknown)], bytes, staged.origin);
  }
  char *base = host_base<S>(w, address);
  copy_any<access>(bytes, base, address, w.mask, skip, staged);
}

// One access in one state space: checked, stated, then `staged` is filled from memory or memory from it.
template <class W, Space S, Access access>
const Op *move(Warp &w, const Op *op, const Geometry &g, Lanes64 &address, u32 part, Staged &staged) {
  const u32 bytes = g.access_bytes(), skip = part * bytes, all = w.mask;
  Request request{};
  while (w.mask && !prepare_request<S>(w, op, address, bytes, access == Access::store, request)) {
    if (!survive(w)) return nullptr;
  }
  if (w.lost) lose<access>(w, bytes, skip, all, staged);
  if (w.mask) move_lanes<W, S, access>(w, op, g, address, request, skip, staged);
  w.mask = all;
  return op + 1;
}

template <class W, Space S, Access access>
bool move_cell(Warp &w, const Op *op, const Geometry &g, const Start &start, u32 cell, Staged &staged) {
  for (u32 part = 0; part < g.accesses_of_cell(); ++part) {
    const Geometry::At at = g.of_access(cell, part);
    Lanes64 address;
    for (u32 lane = 0; lane < kWarpSize; ++lane) {
      const u64 bits = start.bits[lane] + at.line * start.stride[lane] + at.along * g.bits;
      address.at[lane] = start.address.at[lane] + bits / 8;
    }
    const Op *next;
    if constexpr (S != Space::generic) {
      next = move<W, S, access>(w, op, g, address, part, staged);
    } else {
      next = split_by_space(w, op, address, [&](Space space, Lanes64 &moved) {
        if (space == Space::shared) return move<W, Space::shared, access>(w, op, g, moved, part, staged);
        if (space == Space::local) return move<W, Space::local, access>(w, op, g, moved, part, staged);
        return move<W, Space::global, access>(w, op, g, moved, part, staged);
      });
    }
    if (!next) return false;
  }
  return true;
}

// Element e of lane 4 g + t changes places with element g mod 2 of lane 4 (2 t + e) + g div 2.
void transpose(Staged &staged) {
  const Staged from = staged;
  staged.known[0] = staged.known[1] = 0;
  for (u32 lane = 0; lane < kWarpSize; ++lane) {
    for (u32 e = 0; e < 2; ++e) {
      const u32 other = (lane % 4 * 2 + e) * 4 + lane / 8, element = lane / 4 % 2;
      std::memcpy(staged.bytes[lane] + 2 * e, from.bytes[other] + 2 * element, 2);
      staged.known[e] |= (from.known[element] >> other & 1) << lane;
    }
  }
}

// Register i of the cell -> its slot, and back.
template <class T>
void write_lanes_of(T *lanes, u32 i, const Staged &staged) {
  for (u32 lane = 0; lane < kWarpSize; ++lane) std::memcpy(lanes + lane, staged.bytes[lane] + i * sizeof(T), sizeof(T));
}
template <class T>
void read_lanes_of(const T *lanes, u32 i, Staged &staged) {
  for (u32 lane = 0; lane < kWarpSize; ++lane) std::memcpy(staged.bytes[lane] + i * sizeof(T), lanes + lane, sizeof(T));
}
void write_register(const Warp &w, u32 slot, const Geometry &g, u32 i, const Staged &staged) {
  if (g.register_bytes == 8) write_lanes_of(lanes_at<u64>(w, slot), i, staged);
  else write_lanes_of(lanes_at<u32>(w, slot), i, staged);
}
void read_register(const Warp &w, u32 slot, const Geometry &g, u32 i, Staged &staged) {
  if (g.register_bytes == 8) read_lanes_of(lanes_at<u64>(w, slot), i, staged);
  else read_lanes_of(lanes_at<u32>(w, slot), i, staged);
}

template <class W, Space S>
const Op *wmma_load(Warp &w, const Op *op) {
  const Geometry g(op);
  const u32 *registers = w.run->program->extra.data() + op->target;
  Start start;
  if (!read_start<W, S>(w, op, g, start)) return w.elsewhere;
  for (u32 cell = 0; cell < g.cells(); ++cell) {
    Staged staged;
    if (!move_cell<W, S, Access::load>(w, op, g, start, cell, staged)) return nullptr;
    if (g.turned) {
      transpose(staged);
      staged.known[0] &= staged.known[1];
    }
    for (u32 i = 0; i < g.registers_of_cell(); ++i) {
      // A form may list more registers than its shape needs: they hold copies.
      for (u32 r = cell * g.registers_of_cell() + i; r < g.listed; r += g.registers) {
        write_register(w, registers[r], g, i, staged);
        if (W::kind == Watch::tracking) learn(w, registers[r], g.register_bytes, staged.known[i], staged.origin);
      }
    }
  }
  return op + 1;
}

template <class W, Space S>
const Op *wmma_store(Warp &w, const Op *op) {
  const Geometry g(op);
  const u32 *registers = w.run->program->extra.data() + op->target;
  Start start;
  if (!read_start<W, S>(w, op, g, start)) return w.elsewhere;
  for (u32 cell = 0; cell < g.cells(); ++cell) {
    Staged staged;
    for (u32 i = 0; i < g.registers_of_cell(); ++i) {
      const u32 slot = registers[cell * g.registers_of_cell() + i];
      read_register(w, slot, g, i, staged);
      if (W::kind == Watch::tracking) note_register(w, slot, g, i, staged);
    }
    if (g.turned) {
      staged.known[1] = staged.known[0];
      transpose(staged);
    }
    if (!move_cell<W, S, Access::store>(w, op, g, start, cell, staged)) return nullptr;
  }
  return op + 1;
}

template <class W>
void add_watched(Handler *row) {
#define WMMA_LOAD(name, p, c, s, r, g, space) row[form_##name] = wmma_load<W, Space::space>;
#define WMMA_STORE(name, p, c, s, r, g, space) row[form_##name] = wmma_store<W, Space::space>;
#define PRODUCT NO_ROW
#define PLAIN NO_ROW
#define WATCHED NO_ROW
#include "../isa/matrix.def"
#undef WMMA_LOAD
#undef WMMA_STORE
#undef PRODUCT
#undef PLAIN
#undef WATCHED
}

}  // namespace

void add_wmma(HandlerTable &table) {
  for_every_watch(table, [](auto watch, Handler *row) { add_watched<decltype(watch)>(row); });
}

}  // namespace vgpu
