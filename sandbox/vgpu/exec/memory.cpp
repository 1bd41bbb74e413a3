// Handlers of loads and stores in every state space.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#state-spaces
#include "access.h"
#include "every_watch.h"

namespace vgpu {
namespace {

template <class T>
void read_element(const Warp &w, u32 slot, const char *base, const Request &r, u32 skip) {
  char *d = w.frame + slot;
  if (r.pattern == Pattern::uniform) {
    const T value = *reinterpret_cast<const T *>(base + r.address[0] + skip);
    write_lanes<T>(w, slot, [=](u32) { return value; });
  } else if (r.pattern == Pattern::strided && r.bytes == sizeof(T) && sizeof(T) >= 4) {
    std::memcpy(d, base + r.address[0], kWarpSize * sizeof(T));
  } else if (r.pattern == Pattern::strided) {
    const char *from = base + r.address[0] + skip;
    const u32 step = r.bytes;
    for (u32 i = 0; i < kWarpSize; ++i) Slot<T>::put(d, i, *reinterpret_cast<const T *>(from + i * step));
  } else {
    const u64 *address = r.address;
    write_lanes<T>(w, slot, [=](u32 i) { return *reinterpret_cast<const T *>(base + address[i] + skip); });
  }
}

template <class T>
void write_element(const Warp &w, u32 slot, char *base, const Request &r, u32 skip) {
  const char *s = w.frame + slot;
  if (r.mask == kAllLanes) {
    if (r.pattern == Pattern::strided && r.bytes == sizeof(T) && sizeof(T) >= 4) {
      std::memcpy(base + r.address[0], s, kWarpSize * sizeof(T));
      return;
    }
    for (u32 i = 0; i < kWarpSize; ++i) *reinterpret_cast<T *>(base + r.address[i] + skip) = Slot<T>::get(s, i);
    return;
  }
  for (u32 rest = r.mask; rest; rest &= rest - 1) {
    const u32 i = first_lane(rest);
    *reinterpret_cast<T *>(base + r.address[i] + skip) = Slot<T>::get(s, i);
  }
}

template <class W, Space S, class T>
const Op *load_at(Warp &w, const Op *op, Lanes64 &address) {
  Request request;
  if (!prepare_request<S>(w, op, address, op->n * u32(sizeof(T)), false, request)) return nullptr;
  state_access<W, S>(w, op, Access::load, request);
  if (S == Space::shared) W::merged(w, op, Access::load, request);
  if (S == Space::constant) W::constant(w, op, request);
  W::loaded(w, op, S, request);
  // Lanes at one offset of local memory are at different places of the host.
  if (S == Space::local) request.pattern = Pattern::scattered;
  const char *base = host_base<S>(w, address);
  for (u32 part = 0; part < op->n; ++part) read_element<T>(w, op->v[part], base, request, part * u32(sizeof(T)));
  return op + 1;
}

template <class W, Space S, class T>
const Op *store_at(Warp &w, const Op *op, Lanes64 &address) {
  Request request;
  if (!prepare_request<S>(w, op, address, op->n * u32(sizeof(T)), true, request)) return nullptr;
  state_access<W, S>(w, op, Access::store, request);
  if (S == Space::shared) W::merged(w, op, Access::store, request);
  W::stored(w, op, S, request);
  if (S == Space::local) request.pattern = Pattern::scattered;
  char *base = host_base<S>(w, address);
  for (u32 part = 0; part < op->n; ++part) write_element<T>(w, op->v[part], base, request, part * u32(sizeof(T)));
  return op + 1;
}

template <class W, Space S, class T>
const Op *load(Warp &w, const Op *op) {
  if (!W::known_address(w, op, S, op->a, op->offset)) return nullptr;
  Lanes64 address;
  gather_addresses(w, op, address);
  if (S != Space::generic) return load_at<W, S, T>(w, op, address);
  return split_by_space(w, op, address, [&](Space space, Lanes64 &moved) {
    if (space == Space::shared) return load_at<W, Space::shared, T>(w, op, moved);
    if (space == Space::local) return load_at<W, Space::local, T>(w, op, moved);
    return load_at<W, Space::global, T>(w, op, moved);
  });
}

template <class W, Space S, class T>
const Op *store(Warp &w, const Op *op) {
  if (!W::known_address(w, op, S, op->a, op->offset)) return nullptr;
  Lanes64 address;
  gather_addresses(w, op, address);
  if (S == Space::constant) {
    const u32 lane = first_lane(w.mask);
    fault(w, op, FaultKind::write_to_constant, S, lane, address.at[lane], u32(sizeof(T)), w.mask);
    return nullptr;
  }
  if (S != Space::generic) return store_at<W, S, T>(w, op, address);
  return split_by_space(w, op, address, [&](Space space, Lanes64 &moved) {
    if (space == Space::shared) return store_at<W, Space::shared, T>(w, op, moved);
    if (space == Space::local) return store_at<W, Space::local, T>(w, op, moved);
    return store_at<W, Space::global, T>(w, op, moved);
  });
}

// Kernel parameters: one value for all lanes, at a place known since lowering.
template <class T>
const Op *load_param(Warp &w, const Op *op) {
  for (u32 part = 0; part < op->n; ++part) {
    T value;
    std::memcpy(&value, w.run->params + op->offset + part * sizeof(T), sizeof(T));
    write_lanes<T>(w, op->v[part], [=](u32) { return value; });
  }
  return op + 1;
}

const Op *nothing(Warp &, const Op *op) { return op + 1; }

const Op *policy(Warp &w, const Op *op) {
  write_lanes<u64>(w, op->d, [](u32) { return u64(0); });
  return op + 1;
}

template <class W>
void add_watched(Handler *row) {
#define LOAD(name, p, c, s, r, g, space, T) row[form_##name] = load<W, Space::space, T>;
#define STORE(name, p, c, s, r, g, space, T) row[form_##name] = store<W, Space::space, T>;
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

void add_memory(HandlerTable &table) {
  for_every_watch(table, [](auto watch, Handler *row) { add_watched<decltype(watch)>(row); });
  set_all(table, form_ld_param_b8, load_param<u8>);
  set_all(table, form_ld_param_s8, load_param<s8>);
  set_all(table, form_ld_param_b16, load_param<u16>);
  set_all(table, form_ld_param_s16, load_param<s16>);
  set_all(table, form_ld_param_b32, load_param<u32>);
  set_all(table, form_ld_param_b64, load_param<u64>);
  for (const uint16_t hint : {form_prefetch, form_discard, form_applypriority, form_griddepcontrol}) {
    set_all(table, hint, nothing);
  }
  set_all(table, form_createpolicy, policy);
}

}  // namespace vgpu
