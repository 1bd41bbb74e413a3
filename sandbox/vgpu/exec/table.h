// Turns rows of a .def file into handler functions and table entries. A translation unit defines the macros of the rows
// it implements by including this header, then includes its .def file twice (DEFINE, then TABLE).
#pragma once

#include "../isa/isa.h"
#include "lanes.h"

namespace vgpu {

// Handlers by form and observer; a part of the instruction set fills its rows.
using HandlerTable = Handler[static_cast<size_t>(Watch::count_)][form_count];

void add_integer(HandlerTable &);
void add_floating(HandlerTable &);
void add_half(HandlerTable &);
void add_convert(HandlerTable &);
void add_memory(HandlerTable &);
void add_atomics(HandlerTable &);
void add_vector_atomics(HandlerTable &);
void add_stack(HandlerTable &);
void add_control(HandlerTable &);
void add_warp_operations(HandlerTable &);
void add_async(HandlerTable &);
void add_mbarrier(HandlerTable &);
void add_bulk(HandlerTable &);
void add_cluster(HandlerTable &);
void add_mma(HandlerTable &);
void add_quads(HandlerTable &);
void add_ldmatrix(HandlerTable &);
void add_wmma(HandlerTable &);

// Quick twins: handlers for the common case of a form, which leave every other case, and every fault, to the plain
// handler. They change neither results nor counts.
void add_row_access(HandlerTable &quick);
void add_uniform_shuffle(HandlerTable &quick);

Handler plain_handler(uint16_t form, Watch);

inline void set_all(HandlerTable &table, uint16_t form, Handler handler) {
  for (auto &row : table) row[form] = handler;
}

}  // namespace vgpu

#define DEFINE_LANES1(name, p, c, s, r, D, A, ...) \
  const Op *name(Warp &w, const Op *op) { return map1<D, A>(w, op, [=](A a) { return (__VA_ARGS__); }); }
#define DEFINE_LANES2(name, p, c, s, r, D, A, B, ...) \
  const Op *name(Warp &w, const Op *op) { return map2<D, A, B>(w, op, [=](A a, B b) { return (__VA_ARGS__); }); }
#define DEFINE_LANES3(name, p, cl, s, r, D, A, B, C, ...)                         \
  const Op *name(Warp &w, const Op *op) {                                         \
    return map3<D, A, B, C>(w, op, [=](A a, B b, C c) { return (__VA_ARGS__); }); \
  }
#define DEFINE_LANES4(name, p, cl, s, r, D, A, B, C, E, ...)                                           \
  const Op *name(Warp &w, const Op *op) {                                                              \
    return map4<D, A, B, C, E>(w, op, [=](A a, B b, C c, E e) { return (__VA_ARGS__); });              \
  }
#define TABLE_ROW(name, ...) set_all(table, form_##name, name);
#define NO_ROW(...)
