// Quick twins of the loads and stores of exec/memory.cpp, for a full warp whose addresses are two rows (exec/rows.h).
// Where they are not, or where anything may be wrong with them, the plain handler does the request from its start.
#include "every_watch.h"
#include "row_elements.h"
#include "row_tracking.h"

namespace vgpu {
namespace {

template <class W>
const Op *plain(Warp &w, const Op *op) { return plain_handler(op->form, W::kind)(w, op); }

// The request's rows, where every access is good. Generic addresses count as global ones, as their plain handler does.
template <class W, Space S>
inline bool find_good_rows(Warp &w, const Op *op, u32 bytes, Rows &rows) {
  if (w.mask != kAllLanes || !find_operand_rows(w, op, rows)) return false;
  if (W::kind == Watch::tracking && known_lanes(w, op->a) != kAllLanes) return false;
  const OpCounts &memory = counts_of(w, op);
  return all_inside(rows, bytes, memory.low, memory.size);
}

template <class W>
inline void count_constant(Warp &w, const Op *op, const Rows &rows) {
  Lanes64 address;
  fill_addresses(rows, address);
  const bool uniform = rows.step == 0 && rows.is_same_row();
  W::constant(w, op, {address.at, kAllLanes, 1, uniform ? Pattern::uniform : Pattern::scattered});
}

template <class W, Space S, Access access>
inline void count_request(Warp &w, const Op *op, const Rows &rows, u32 bytes) {
  if (W::kind == Watch::nothing) return;
  OpCounts &counts = counts_of(w, op);
  if (S == Space::constant) return count_constant<W>(w, op, rows);
  counts.requests += 1;
  counts.pieces += S == Space::shared ? count_row_wavefronts(rows, bytes) : count_row_sectors(rows, bytes);
  const u64 before = counts.wavefronts;
  if (S == Space::shared && leads_group(op)) {
    const Rows wide{u32(rows.first + op->c), u32(rows.second + op->c), rows.step};
    counts.wavefronts +=
        access == Access::load ? count_paired_row_wavefronts(wide, op->kind) : count_row_wavefronts(wide, op->kind);
  }
  if constexpr (W::kind == Watch::timing && S == Space::shared) {
    W::use_banks(w, may_merge(op) ? counts.wavefronts - before : count_row_wavefronts(rows, bytes));
  }
  if constexpr (W::kind == Watch::claims) {
    if (S != Space::shared) W::claim_rows(w, op, access, rows, bytes);
  }
  if constexpr (W::kind == Watch::races) W::template rows<S, access>(w, op, rows, bytes);
  if (W::kind != Watch::timing || S == Space::shared) return;
  Lanes64 address;
  fill_addresses(rows, address);
  w.run->latency = w.run->cache_call(*w.run, access, address.at, kAllLanes, bytes);
}

// Host memory is far away, and a loop's requests go on as they began: the next one is fetched while this one is served.
template <class W, Access access>
inline void prefetch_next(Warp &w, const Op *op, const Rows &rows) {
  u64 &last = counts_of(w, op).executed;       // free in an operation that is no head of a block
  const u64 further = rows.first - last;
  last = rows.first;
  constexpr int kWrites = access == Access::store;
  const char *first = w.run->bias + rows.first + further, *second = w.run->bias + rows.second + further;
  __builtin_prefetch(first, kWrites);
  __builtin_prefetch(first + 64, kWrites);
  __builtin_prefetch(second, kWrites);
  __builtin_prefetch(second + 64, kWrites);
  if constexpr (W::kind == Watch::claims && access == Access::store) W::prefetch_claims(*w.run, rows.first + further);
}

template <Space S>
inline char *row_base(const Warp &w) { return S == Space::shared ? w.run->shared : w.run->bias; }

template <class T>
inline void read_parts(const Warp &w, const Op *op, const char *base, const Rows &rows, u32 bytes) {
  if (op->n == 1) return read_rows<T>(w.frame + op->v[0], base, rows);
  if (sizeof(T) >= 4 && rows.step == bytes) {
    if (op->n == 2) return read_vector_rows<T, 2>(w, op->v, base, rows);
    if (sizeof(T) == 4) return read_vector_rows<T, 4>(w, op->v, base, rows);
  }
  for (u32 part = 0; part < op->n; ++part) read_rows<T>(w.frame + op->v[part], base + part * sizeof(T), rows);
}

template <class T>
inline void write_parts(const Warp &w, const Op *op, char *base, const Rows &rows, u32 bytes) {
  if (op->n == 1) return write_rows<T>(w.frame + op->v[0], base, rows);
  if (sizeof(T) >= 4 && rows.step == bytes) {
    if (op->n == 2) return write_vector_rows<T, 2>(w, op->v, base, rows);
    if (sizeof(T) == 4) return write_vector_rows<T, 4>(w, op->v, base, rows);
  }
  for (u32 part = 0; part < op->n; ++part) write_rows<T>(w.frame + op->v[part], base + part * sizeof(T), rows);
}

template <class W, Space S, class T>
const Op *load_rows(Warp &w, const Op *op) {
  const u32 bytes = op->n * u32(sizeof(T));
  Rows rows;
  if (!find_good_rows<W, S>(w, op, bytes, rows)) return plain<W>(w, op);
  count_request<W, S, Access::load>(w, op, rows, bytes);
  if (S == Space::global) prefetch_next<W, Access::load>(w, op, rows);
  if (W::kind == Watch::tracking) track_load<S>(w, op, rows, bytes);
  read_parts<T>(w, op, row_base<S>(w), rows, bytes);
  return op + 1;
}

template <class W, Space S, class T>
const Op *store_rows(Warp &w, const Op *op) {
  const u32 bytes = op->n * u32(sizeof(T));
  Rows rows;
  if (!find_good_rows<W, S>(w, op, bytes, rows)) return plain<W>(w, op);
  count_request<W, S, Access::store>(w, op, rows, bytes);
  if (S == Space::global) prefetch_next<W, Access::store>(w, op, rows);
  if (W::kind == Watch::tracking) track_store<S>(w, op, rows, bytes);
  write_parts<T>(w, op, row_base<S>(w), rows, bytes);
  return op + 1;
}

// Local memory is laid out by thread, and a store to constant memory is a fault: neither has a quick twin.
constexpr bool has_load(Space space) { return space != Space::local; }
constexpr bool has_store(Space space) { return space != Space::local && space != Space::constant; }

template <class W>
void add_watched(Handler *row) {
#define LOAD(name, p, c, s, r, g, space, T) \
  if (has_load(Space::space)) row[form_##name] = load_rows<W, Space::space, T>;
#define STORE(name, p, c, s, r, g, space, T) \
  if (has_store(Space::space)) row[form_##name] = store_rows<W, Space::space, T>;
#define ATOM NO_ROW
#define PLAIN NO_ROW
#define WATCHED NO_ROW
#include "../isa/memory.def"
#undef LOAD
#undef STORE
#undef ATOM
#undef PLAIN
#undef WATCHED
}

}  // namespace

void add_row_access(HandlerTable &quick) {
  for_every_watch(quick, [](auto watch, Handler *row) { add_watched<decltype(watch)>(row); });
}

}  // namespace vgpu
