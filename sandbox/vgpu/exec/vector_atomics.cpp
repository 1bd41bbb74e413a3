// Handlers of isa/vector_atomics.def: each element is updated for itself, the lanes one after the other, lane 0 first.
// Op::target is where the registers are listed in Program::extra: Op::n results (atom only), then the sources.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#parallel-synchronization-and-communication-instructions-atom
#include "access.h"
#include "atomic_elements.h"
#include "every_watch.h"

namespace vgpu {
namespace {

const u32 *registers_of(const Warp &w, const Op *op) { return w.run->program->extra.data() + op->target; }

// The request of one element, for observers that follow single values.
template <class W, Space S>
void state_element(Warp &w, const Op *op, const Request &all, u32 part, u32 bytes, u32 from, u32 to, bool returns) {
  u64 address[kWarpSize];
  for (u32 i = 0; i < kWarpSize; ++i) address[i] = all.address[i] + part * bytes;
  const Request request{address, all.mask, bytes, all.pattern};
  W::updated(w, op, S, request, from, returns ? to : kNone, op->kind == kExch);
}

template <class W, Space S, class T, bool returns>
const Op *update_vector(Warp &w, const Op *op, Lanes64 &address) {
  using Bits = typename Element<T>::Bits;
  const u32 n = op->n, *to = registers_of(w, op), *from = to + (returns ? n : 0);
  Request request;
  if (!prepare_request<S>(w, op, address, n * u32(sizeof(Bits)), true, request)) return nullptr;
  state_access<W, S>(w, op, Access::atomic, request);
  for (u32 part = 0; part < n; ++part)
    state_element<W, S>(w, op, request, part, sizeof(Bits), from[part], to[part], returns);
  char *base = host_base<S>(w, address);
  Bits result[8][kWarpSize];
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 i = first_lane(rest);
    for (u32 part = 0; part < n; ++part) {
      Bits &cell = reinterpret_cast<Bits *>(base + address.at[i])[part];
      result[part][i] = cell;
      cell = updated_in<S, T>(cell, Slot<Bits>::get(w.frame + from[part], i), Bits(0), op);
    }
  }
  for (u32 part = 0; part < (returns ? n : 0); ++part)
    write_lanes<Bits>(w, to[part], [&](u32 i) { return result[part][i]; });
  return op + 1;
}

// exch and cas of 128 bits: two registers each for the result, b and c.
template <class W, Space S>
const Op *update_wide(Warp &w, const Op *op, Lanes64 &address) {
  const u32 *to = registers_of(w, op), *b = to + 2, *c = to + 4;
  Request request;
  if (!prepare_request<S>(w, op, address, 16, true, request)) return nullptr;
  state_access<W, S>(w, op, Access::atomic, request);
  for (u32 part = 0; part < 2; ++part) state_element<W, S>(w, op, request, part, 8, b[part], to[part], true);
  char *base = host_base<S>(w, address);
  u64 result[2][kWarpSize];
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 i = first_lane(rest);
    u64 *cell = reinterpret_cast<u64 *>(base + address.at[i]);
    const u64 low = lanes_at<u64>(w, b[0])[i], high = lanes_at<u64>(w, b[1])[i];
    const bool same = cell[0] == low && cell[1] == high;
    result[0][i] = cell[0], result[1][i] = cell[1];
    if (op->kind == kExch) cell[0] = low, cell[1] = high;
    else if (same) cell[0] = lanes_at<u64>(w, c[0])[i], cell[1] = lanes_at<u64>(w, c[1])[i];
  }
  for (u32 part = 0; part < 2; ++part) write_lanes<u64>(w, to[part], [&](u32 i) { return result[part][i]; });
  return op + 1;
}

template <class W, Space S, class At>
const Op *at_addresses(Warp &w, const Op *op, At at) {
  if (!W::known_address(w, op, S, op->a, op->offset)) return nullptr;
  Lanes64 address;
  gather_addresses(w, op, address);
  if (S != Space::generic) return at(S, address);
  return split_by_space(w, op, address, at);
}

template <class W, Space S, class T, bool returns>
const Op *vector_atom(Warp &w, const Op *op) {
  return at_addresses<W, S>(w, op, [&](Space space, Lanes64 &moved) {
    if (space == Space::shared) return update_vector<W, Space::shared, T, returns>(w, op, moved);
    if (space == Space::local) return update_vector<W, Space::local, T, returns>(w, op, moved);
    return update_vector<W, Space::global, T, returns>(w, op, moved);
  });
}
template <class W, Space S>
const Op *wide_atom(Warp &w, const Op *op) {
  return at_addresses<W, S>(w, op, [&](Space space, Lanes64 &moved) {
    if (space == Space::shared) return update_wide<W, Space::shared>(w, op, moved);
    if (space == Space::local) return update_wide<W, Space::local>(w, op, moved);
    return update_wide<W, Space::global>(w, op, moved);
  });
}

constexpr bool returns_old(const char *name) { return name[0] == 'a'; }

template <class W>
void add_watched(Handler *row) {
#define VECTOR_ATOM(name, p, c, s, r, g, space, T) \
  row[form_##name] = vector_atom<W, Space::space, T, returns_old(#name)>;
#define WIDE_ATOM(name, p, c, s, r, g, space) row[form_##name] = wide_atom<W, Space::space>;
#include "../isa/vector_atomics.def"
#undef VECTOR_ATOM
#undef WIDE_ATOM
}

}  // namespace

void add_vector_atomics(HandlerTable &table) {
  for_every_watch(table, [](auto watch, Handler *row) { add_watched<decltype(watch)>(row); });
}

}  // namespace vgpu
