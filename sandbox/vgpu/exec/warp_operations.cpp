// Handlers of operations that look across the lanes of a warp: shfl, vote, match, redux, activemask, elect.
// A lane that the member mask names and that has not exited must be executing the instruction; otherwise: absent_lane.
#include "compare.h"
#include "control.h"
#include "race_view.h"
#include "table.h"
#include "tracking.h"

namespace vgpu {
namespace {

// op->kind of shfl, vote and redux, in the order of their tokens.
enum : uint8_t { kUp, kDown, kBfly, kIdx };
enum : uint8_t { kAll, kAny, kUni };
enum : uint8_t { kAdd, kMin, kMax, kAnd, kOr, kXor };

// The member mask of each lane. Lanes of different groups may execute one instruction together, each with its own mask.
struct Members {
  const u32 *mask;
  u32 all;                                     // lanes that execute
  u32 of(u32 lane) const { return mask[lane] & all; }
};

// True where every named lane that has not exited is here. Otherwise `next` is what the handler returns: the path waits
// for the others, or a mask leaves out its own lane.
bool all_present(Warp &w, const Op *op, u32 members_slot, const Op *&next) {
  if (w.forgives) return true;
  const u32 *members = lanes_at<u32>(w, members_slot);
  u32 named = 0;
  for (u32 rest = w.mask; rest; rest &= rest - 1) named |= members[first_lane(rest)];
  const u32 wrong = w.mask & ~lanes_where([&](u32 i) { return in_mask(members[i], i); });
  const u32 absent = named & w.live & ~w.mask;
  if (!wrong && !absent) {
    if (w.run->race) w.run->race->call.gather(*w.run, w);
    return true;
  }
  next = wrong ? stop_at(w, op, FaultKind::absent_lane, first_lane(wrong)) : wait_for(w, op, absent);
  if (wrong) w.run->stop.lanes = wrong;
  return false;
}
Members members_of(const Warp &w, u32 slot) { return {lanes_at<u32>(w, slot), w.mask}; }

// The lane that each lane reads, and the mask of those for which it is in range; the others read themselves.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-shfl-sync
template <class Find>
u32 find_sources(const Warp &w, const Op *op, u32 *source, Find find) {
  const u32 *b = lanes_at<u32>(w, op->b), *c = lanes_at<u32>(w, op->c);
  const bool up = op->kind == kUp;
  u32 in_range = 0;
  for (u32 i = 0; i < kWarpSize; ++i) {
    const s32 lane = s32(i), segment = c[i] >> 8 & 31, clamp = c[i] & 31, shift = b[i] & 31;
    const s32 most = (lane & segment) | (clamp & ~segment), found = find(lane, segment, shift);
    const bool ok = up ? found >= most : found <= most;
    source[i] = u32(ok ? found : lane) & 31;
    in_range |= u32(ok) << i;
  }
  return in_range;
}

inline void learn_predicate(const Warp &w, u32 slot, u32 known, u64 origin) {
  u32 &cell = known_lanes(w, slot);
  cell = (cell & ~w.mask) | (known & w.mask);
  if (w.mask & ~known) origin_of_predicate(w, slot) = origin;
}

u32 voted(const Warp &w, const Op *op) {
  return w.mask & (predicate_at(w, op->a) ^ (op->flags & kNegate ? kAllLanes : 0));
}

// With tracking: a vote is known where the lanes whose vote is known decide it, a ballot bit by bit.
void learn_vote(const Warp &w, const Op *op) {
  if (!w.known) return;
  const Members members = members_of(w, op->b);
  const u32 asked = known_lanes(w, op->b), given = known_lanes(w, op->a), yes = voted(w, op);
  const u64 origin = origin_of_predicate(w, op->a);
  if (op->form == form_vote_ballot) {
    for (u32 rest = w.mask; rest; rest &= rest - 1) {
      const u32 lane = first_lane(rest);
      learn_lane<u32>(w, op->d, lane, {in_mask(asked, lane) ? members.of(lane) & ~given : kAllLanes, origin});
    }
    return;
  }
  const u32 decided = lanes_where([&](u32 i) {
    const u32 known = members.of(i) & given;
    if (known == members.of(i)) return true;
    const bool some = known & yes, others = known & ~yes;
    return op->kind == kAny ? some : op->kind == kAll ? others : some && others;
  });
  learn_predicate(w, op->d, asked & decided, origin);
}

// With tracking: each lane of the group whose value is not known leaves one bit of match.any open.
void learn_matches(const Warp &w, const Op *op) {
  if (!w.known) return;
  const Members members = members_of(w, op->b);
  const u32 asked = known_lanes(w, op->b), given = known_lanes(w, op->a), some = w.mask & ~given;
  const u64 origin = !some                               ? 0
                     : op->form == form_match_any_b64 ? unknown_of<u64>(w, op->a, first_lane(some)).origin
                                                         : unknown_of<u32>(w, op->a, first_lane(some)).origin;
  u32 open[kWarpSize];
  for (u32 i = 0; i < kWarpSize; ++i) {
    const u32 group = members.of(i);
    open[i] = !in_mask(asked, i) ? kAllLanes : in_mask(given, i) ? group & ~given : group & ~(1u << i);
  }
  for (u32 rest = w.mask; rest; rest &= rest - 1)
    learn_lane<u32>(w, op->d, first_lane(rest), {open[first_lane(rest)], origin});
}

// With tracking: a result is known where the group is, and what every lane of the group gave (elect takes nothing).
void learn_gathered(const Warp &w, const Op *op) {
  if (!w.known) return;
  const Members members = members_of(w, op->b);
  const u32 asked = known_lanes(w, op->b), given = op->form == form_elect_sync ? kAllLanes : known_lanes(w, op->a);
  const u32 known = lanes_where([&](u32 i) { return in_mask(asked, i) && (members.of(i) & ~given) == 0; });
  const u32 spoilt = w.mask & ~known, some = op->form != form_elect_sync ? w.mask & ~given : 0;
  const u64 origin = !spoilt || !some                     ? 0
                     : op->form == form_match_all_b64 ? unknown_of<u64>(w, op->a, first_lane(some)).origin
                                                          : unknown_of<u32>(w, op->a, first_lane(some)).origin;
  learn(w, op->d, 4, known, origin);
  if (op->flags & kHasD2) learn_predicate(w, op->v[0], known, origin);
}

// With tracking: a lane knows what the lane that it reads knew, if it knows whom to ask.
void learn_shuffled(const Warp &w, const Op *op, const u32 *source) {
  const u32 asked = known_lanes(w, op->b) & known_lanes(w, op->c) & known_lanes(w, op->v[1]);
  if (op->flags & kHasD2) learn_predicate(w, op->v[0], asked, 0);
  if (!(w.mask & ~(asked & known_lanes(w, op->a))) && w.mask == kAllLanes) {
    known_lanes(w, op->d) = kAllLanes;
    return;
  }
  Unknown moved[kWarpSize];
  for (u32 rest = w.mask; rest; rest &= rest - 1) {
    const u32 lane = first_lane(rest), from = source[lane];
    const Unknown absent{w.forgives ? 0 : ~u64(0), 0};
    moved[lane] = in_mask(w.mask, from) ? unknown_of<u32>(w, op->a, from) : absent;
    if (!in_mask(asked, lane)) moved[lane].bits = ~u64(0);
  }
  for (u32 rest = w.mask; rest; rest &= rest - 1) learn_lane<u32>(w, op->d, first_lane(rest), moved[first_lane(rest)]);
}

const Op *shfl_b32(Warp &w, const Op *op) {
  const Op *elsewhere;
  if (!all_present(w, op, op->v[1], elsewhere)) return elsewhere;
  u32 source[kWarpSize], value[kWarpSize];
  const u32 in_range =
      op->kind == kUp     ? find_sources(w, op, source, [](s32 lane, s32, s32 shift) { return lane - shift; })
      : op->kind == kDown ? find_sources(w, op, source, [](s32 lane, s32, s32 shift) { return lane + shift; })
      : op->kind == kBfly ? find_sources(w, op, source, [](s32 lane, s32, s32 shift) { return lane ^ shift; })
                          : find_sources(w, op, source, [](s32 lane, s32 segment, s32 shift) {
                              return (lane & segment) | (shift & ~segment);
                            });
  if (w.known) learn_shuffled(w, op, source);
  const u32 *a = lanes_at<u32>(w, op->a);
  const u32 poison = w.run->poison;
  for (u32 i = 0; i < kWarpSize; ++i) value[i] = in_mask(w.mask, source[i]) ? a[source[i]] : poison;
  write_lanes<u32>(w, op->d, [&](u32 i) { return value[i]; });
  if (op->flags & kHasD2) write_predicate(w, op->v[0], in_range);
  return op + 1;
}

const Op *vote_pred(Warp &w, const Op *op) {
  const Op *elsewhere;
  if (!all_present(w, op, op->b, elsewhere)) return elsewhere;
  const Members members = members_of(w, op->b);
  learn_vote(w, op);
  const u32 yes = voted(w, op);
  write_predicate(w, op->d, lanes_where([&](u32 i) {
    const u32 group = members.of(i), agreed = yes & group;
    return op->kind == kAll ? agreed == group : op->kind == kAny ? agreed != 0 : agreed == 0 || agreed == group;
  }));
  return op + 1;
}
const Op *vote_ballot(Warp &w, const Op *op) {
  const Op *elsewhere;
  if (!all_present(w, op, op->b, elsewhere)) return elsewhere;
  const Members members = members_of(w, op->b);
  learn_vote(w, op);
  const u32 yes = voted(w, op);
  write_lanes<u32>(w, op->d, [=](u32 i) { return yes & members.of(i); });
  return op + 1;
}

template <class T>
u32 lanes_equal(const T *a, T value) { return lanes_where([&](u32 j) { return a[j] == value; }); }

template <class T>
const Op *match_any(Warp &w, const Op *op) {
  const Op *elsewhere;
  if (!all_present(w, op, op->b, elsewhere)) return elsewhere;
  const Members members = members_of(w, op->b);
  learn_matches(w, op);
  const T *a = lanes_at<T>(w, op->a);
  u32 same[kWarpSize];
  for (u32 i = 0; i < kWarpSize; ++i) same[i] = members.of(i) & lanes_equal(a, a[i]);
  write_lanes<u32>(w, op->d, [&](u32 i) { return same[i]; });
  return op + 1;
}
template <class T>
const Op *match_all(Warp &w, const Op *op) {
  const Op *elsewhere;
  if (!all_present(w, op, op->b, elsewhere)) return elsewhere;
  const Members members = members_of(w, op->b);
  learn_gathered(w, op);
  const T *a = lanes_at<T>(w, op->a);
  u32 agreed[kWarpSize];
  for (u32 i = 0; i < kWarpSize; ++i) agreed[i] = (members.of(i) & ~lanes_equal(a, a[i])) ? 0 : members.of(i);
  write_lanes<u32>(w, op->d, [&](u32 i) { return agreed[i]; });
  if (op->flags & kHasD2) write_predicate(w, op->v[0], lanes_where([&](u32 i) { return agreed[i] != 0; }));
  return op + 1;
}
const Op *match_any_b32(Warp &w, const Op *op) { return match_any<u32>(w, op); }
const Op *match_any_b64(Warp &w, const Op *op) { return match_any<u64>(w, op); }
const Op *match_all_b32(Warp &w, const Op *op) { return match_all<u32>(w, op); }
const Op *match_all_b64(Warp &w, const Op *op) { return match_all<u64>(w, op); }

const Op *activemask(Warp &w, const Op *op) {
  const u32 mask = w.mask;
  write_lanes<u32>(w, op->d, [=](u32) { return mask; });
  return op + 1;
}
const Op *elect_sync(Warp &w, const Op *op) {
  const Op *elsewhere;
  if (!all_present(w, op, op->b, elsewhere)) return elsewhere;
  const Members members = members_of(w, op->b);
  learn_gathered(w, op);
  const auto leader = [=](u32 lane) { return members.of(lane) ? first_lane(members.of(lane)) : 0; };
  write_lanes<u32>(w, op->d, leader);
  if (op->flags & kHasD2) write_predicate(w, op->v[0], lanes_where([&](u32 i) { return leader(i) == i; }));
  return op + 1;
}

template <class T>
T reduced(T x, T y, uint8_t how) {
  switch (how) {
    case kAdd: return T(u32(x) + u32(y));
    case kMin: return x < y ? x : y;
    case kMax: return x > y ? x : y;
    case kAnd: return x & y;
    case kOr: return x | y;
    default: return x ^ y;
  }
}
template <class T>
const Op *redux(Warp &w, const Op *op) {
  const Op *elsewhere;
  if (!all_present(w, op, op->b, elsewhere)) return elsewhere;
  const Members members = members_of(w, op->b);
  learn_gathered(w, op);
  const T *a = lanes_at<T>(w, op->a);
  T result[kWarpSize] = {};
  for (u32 left = w.mask; left;) {
    const u32 leader = first_lane(left), group = members.of(leader);
    T sum = a[first_lane(group)];
    for (u32 rest = group & (group - 1); rest; rest &= rest - 1) sum = reduced(sum, a[first_lane(rest)], op->kind);
    for (u32 rest = group; rest; rest &= rest - 1) result[first_lane(rest)] = sum;
    left &= ~group;
  }
  write_lanes<T>(w, op->d, [&](u32 i) { return result[i]; });
  return op + 1;
}
const Op *redux_u32(Warp &w, const Op *op) { return redux<u32>(w, op); }
const Op *redux_s32(Warp &w, const Op *op) { return redux<s32>(w, op); }

}  // namespace

void add_warp_operations(HandlerTable &table) {
#define ACROSS(name) set_all(table, form_##name, name);
  ACROSS(shfl_b32) ACROSS(vote_pred) ACROSS(vote_ballot) ACROSS(match_any_b32) ACROSS(match_any_b64)
  ACROSS(match_all_b32) ACROSS(match_all_b64) ACROSS(activemask) ACROSS(elect_sync) ACROSS(redux_u32) ACROSS(redux_s32)
#undef ACROSS
}

}  // namespace vgpu
