// Handlers of mbarrier: arrivals are counted at once; what arrives by itself (asynchronous copies) arrives when
// somebody tests the barrier. A test that fails returns false; waiting is the program's loop and the scheduler's
// fairness.
// Section "mbarrier" of https://docs.nvidia.com/cuda/parallel-thread-execution/.
//
// Limits: shared::cluster means the own block; ordering and scopes need no action, because execution is sequential.
#include "every_watch.h"
#include "landing.h"

namespace vgpu {
namespace {

// Shared addresses of the active lanes' barriers, checked and counted.
template <class W>
bool barrier_addresses(Warp &w, const Op *op, Access access, Lanes64 &address) {
  if (!W::known_address(w, op, Space::shared, op->a, op->offset)) return false;
  gather_addresses(w, op, address);
  for (u32 rest = op->kind & kGenericBarrier ? w.mask : 0; rest; rest &= rest - 1) {
    u64 &at = address.at[first_lane(rest)];
    if (at - kSharedWindow >= kWindowBytes) {
      return fault(w, op, FaultKind::out_of_bounds, Space::generic, first_lane(rest), at, 8);
    }
    at -= kSharedWindow;
  }
  Request request;
  if (!prepare_request<Space::shared>(w, op, address, 8, true, request)) return false;
  const bool of_copies = op->form == form_cp_async_mbarrier_arrive || op->form == form_cp_async_mbarrier_arrive_noinc;
  if (!of_copies) W::shared(w, op, access, request);     // requests of asynchronous copies are those to global memory
  return true;
}

// Whether there is a barrier: the mark in the word, and with tracking that the program wrote it.
template <class W>
bool find_barrier(const Warp &w, u64 address, u64 &word) {
  if constexpr (W::kind == Watch::tracking) {
    if (!all_known(w.run->known_shared, address, 8)) return false;
  }
  return read_mbarrier(*w.run, u32(address), word);
}

const Op *refuse(Warp &w, const Op *op, u32 lane, const char *problem) {
  return stop_at(w, op, FaultKind::trap, lane, problem);
}

template <class W>
void set_word(Warp &w, u64 address, u64 word, bool known) {
  std::memcpy(w.run->shared + address, &word, 8);
  if constexpr (W::kind == Watch::tracking) set_known(w.run->known_shared, address, 8, known);
  w.async->forget_signals(u32(address));
}

template <class W>
const Op *init(Warp &w, const Op *op) {
  Lanes64 address;
  if (!barrier_addresses<W>(w, op, Access::store, address)) return nullptr;
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 lane = first_lane(rest), count = lanes_at<u32>(w, op->b)[lane];
    if (count == 0 || count > kMostArrivals) return refuse(w, op, lane, "an mbarrier expects 1 to 2^20 - 1 arrivals");
    set_word<W>(w, address.at[lane], pack_mbarrier({count, count, 0, false}), true);
    if constexpr (W::kind == Watch::timing) clock_of(*w.async, u32(address.at[lane])) = {u32(address.at[lane]), 0, 0};
    w.async->used = true;
  }
  return op + 1;
}

template <class W>
const Op *inval(Warp &w, const Op *op) {
  Lanes64 address;
  if (!barrier_addresses<W>(w, op, Access::store, address)) return nullptr;
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 lane = first_lane(rest);
    u64 word;
    if (!find_barrier<W>(w, address.at[lane], word)) return refuse(w, op, lane, kNotInitialised);
    set_word<W>(w, address.at[lane], 0, false);
  }
  return op + 1;
}

// --- arrivals --------------------------------------------------------------------------------------------------------

// Applies change(barrier, value of operand b) for each active lane, in the order of lanes; a phase may end after each.
template <class W, bool returns, class Change>
const Op *change_barriers(Warp &w, const Op *op, Change change) {
  Lanes64 address, state;
  if (!barrier_addresses<W>(w, op, Access::atomic, address)) return nullptr;
  const u64 cycle = issue_cycle<W>(w, op);
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 lane = first_lane(rest), value = op->b == kNone ? 1 : lanes_at<u32>(w, op->b)[lane];
    if (!find_barrier<W>(w, address.at[lane], state.at[lane])) return refuse(w, op, lane, kNotInitialised);
    Mbarrier barrier = unpack_mbarrier(state.at[lane]);
    if (const char *problem = change(barrier, value)) return refuse(w, op, lane, problem);
    if constexpr (W::kind == Watch::races) W::at_mbarrier(w, u32(address.at[lane]), RaceEvent::arrived, w.id);
    store_mbarrier<W>(w, u32(address.at[lane]), barrier, cycle);
  }
  if (returns) write_lanes<u64>(w, op->d, [&](u32 i) { return state.at[i]; });
  return op + 1;
}

using Arrive = const char *(*)(Mbarrier &, u32);

template <class W, Arrive arrives>
const Op *arrive_count(Warp &w, const Op *op) {
  return change_barriers<W, true>(w, op, [](Mbarrier &barrier, u32 count) { return arrives(barrier, count); });
}

template <class W, Arrive arrives>
const Op *arrive_no_complete(Warp &w, const Op *op) {
  return change_barriers<W, true>(w, op, [](Mbarrier &barrier, u32 count) -> const char * {
    if (const char *problem = arrives(barrier, count)) return problem;
    const bool ends = barrier.pending == 0 && barrier.transactions == 0;
    return ends ? "an arrival with .noComplete ends the mbarrier's phase" : nullptr;
  });
}

template <class W, Arrive arrives>
const Op *arrive_expect_tx(Warp &w, const Op *op) {
  return change_barriers<W, true>(w, op, [](Mbarrier &barrier, u32 bytes) {
    const char *problem = add_transactions(barrier, bytes);
    return problem ? problem : arrives(barrier, 1);
  });
}

template <class W, s64 sign>
const Op *change_tx(Warp &w, const Op *op) {
  return change_barriers<W, false>(
      w, op, [](Mbarrier &barrier, u32 bytes) { return add_transactions(barrier, sign * s64(bytes)); });
}

// --- waiting ---------------------------------------------------------------------------------------------------------

template <class W, bool by_parity>
const Op *test_wait(Warp &w, const Op *op) {
  Lanes64 address;
  if (!barrier_addresses<W>(w, op, Access::atomic, address)) return nullptr;
  u32 complete = 0;
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 lane = first_lane(rest), at = u32(address.at[lane]);
    u64 word;
    if (!find_barrier<W>(w, at, word)) return refuse(w, op, lane, kNotInitialised);
    if (const char *problem = settle<W>(w, at)) return refuse(w, op, lane, problem);
    read_mbarrier(*w.run, at, word);
    const bool asked = by_parity ? lanes_at<u32>(w, op->b)[lane] & 1 : phase_parity(lanes_at<u64>(w, op->b)[lane]);
    if (phase_parity(word) == asked) continue;
    complete |= 1u << lane;
    if constexpr (W::kind == Watch::races) W::at_mbarrier(w, at, RaceEvent::tested, w.id);
    if constexpr (W::kind == Watch::timing) hold_until<W>(w, clock_of(*w.async, at).done);
  }
  write_predicate(w, op->d, complete);
  return op + 1;
}

const Op *count_pending(Warp &w, const Op *op) { return map1<u32, u64>(w, op, pending_count); }

// The barrier of the first of `lanes` is told when the copies of all lanes with the same barrier are there.
template <class W, bool increments>
const Op *arrive_on_copies(Warp &w, const Op *op) {
  Lanes64 address;
  if (!barrier_addresses<W>(w, op, Access::atomic, address)) return nullptr;
  const u64 cycle = issue_cycle<W>(w, op);
  for (u32 rest = w.mask, same; rest; rest &= ~same) {
    const u32 lane = first_lane(rest), at = u32(address.at[lane]);
    same = rest & lanes_where([&](u32 i) { return address.at[i] == at; });
    u64 word;
    if (!find_barrier<W>(w, at, word)) return refuse(w, op, lane, kNotInitialised);
    if (increments) {
      Mbarrier barrier = unpack_mbarrier(word);
      if (const char *problem = add_pending(barrier, count_lanes(same))) return refuse(w, op, lane, problem);
      store_mbarrier<W>(w, at, barrier, cycle);
    }
    const Signal signal{at, w.id, same, w.async->warps[w.id].end(), cycle, false, {}};
    if (const char *problem = add_signal<W>(w, signal)) return refuse(w, op, lane, problem);
  }
  return op + 1;
}

const Op *nothing(Warp &, const Op *op) { return op + 1; }

template <class W>
void add_watched(Handler *row) {
  row[form_mbarrier_init] = init<W>;
  row[form_mbarrier_inval] = inval<W>;
  row[form_mbarrier_arrive] = arrive_count<W, arrive>;
  row[form_mbarrier_arrive_no_complete] = arrive_no_complete<W, arrive>;
  row[form_mbarrier_arrive_expect_tx] = arrive_expect_tx<W, arrive>;
  row[form_mbarrier_arrive_drop] = arrive_count<W, arrive_drop>;
  row[form_mbarrier_arrive_drop_no_complete] = arrive_no_complete<W, arrive_drop>;
  row[form_mbarrier_arrive_drop_expect_tx] = arrive_expect_tx<W, arrive_drop>;
  row[form_mbarrier_expect_tx] = change_tx<W, 1>;
  row[form_mbarrier_complete_tx] = change_tx<W, -1>;
  row[form_mbarrier_test_wait] = row[form_mbarrier_try_wait] = test_wait<W, false>;
  row[form_mbarrier_test_wait_parity] = row[form_mbarrier_try_wait_parity] = test_wait<W, true>;
  row[form_cp_async_mbarrier_arrive] = arrive_on_copies<W, true>;
  row[form_cp_async_mbarrier_arrive_noinc] = arrive_on_copies<W, false>;
}

}  // namespace

void add_mbarrier(HandlerTable &table) {
  for_every_watch(table, [](auto watch, Handler *row) { add_watched<decltype(watch)>(row); });
  set_all(table, form_mbarrier_pending_count, count_pending);
  set_all(table, form_fence_mbarrier_init, nothing);
}

}  // namespace vgpu
