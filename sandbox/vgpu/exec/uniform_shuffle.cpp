// The quick twin of shfl, for a full warp whose lanes all ask for the same thing: one distance, one clamp, and a member
// mask with everybody in it. Every warp reduction is that. Other shuffles are exec/warp_operations.cpp's.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-shfl-sync
#include "race_view.h"
#include "rows.h"
#include "table.h"

namespace vgpu {
namespace {

enum : uint8_t { kUp, kDown, kBfly, kIdx };       // op->kind, in the order of the tokens

// Gathers what differs from the first lane's value in `different`, and returns that value.
inline u32 first_of_all(const Warp &w, u32 slot, Eight &different) {
  const u32 *lanes = lanes_at<u32>(w, slot);
  for (u32 i = 0; i < kWarpSize; i += 8) {
    Eight here;
    std::memcpy(&here, lanes + i, sizeof here);
    different |= here ^ lanes[0];
  }
  return lanes[0];
}

// The lane that each lane reads if it is in range.
inline s32 wanted(uint8_t kind, s32 lane, s32 segment, s32 shift) {
  switch (kind) {
    case kUp: return lane - shift;
    case kDown: return lane + shift;
    case kBfly: return lane ^ shift;
    default: return (lane & segment) | (shift & ~segment);
  }
}

// Fills the source of each lane, and returns the lanes whose source is in range; the others read themselves.
template <uint8_t kind>
inline u32 find_sources(s32 segment, s32 clamp, s32 shift, u32 *source) {
  u32 in_range = 0;
  for (s32 lane = 0; lane < s32(kWarpSize); ++lane) {
    const s32 most = (lane & segment) | (clamp & ~segment), found = wanted(kind, lane, segment, shift);
    const bool ok = kind == kUp ? found >= most : found <= most;
    source[lane] = u32(ok ? found : lane) & 31;
    in_range |= u32(ok) << lane;
  }
  return in_range;
}

#if defined(__AVX2__)
inline void permute(const char *a, const u32 *source, char *d) {
  Eight moved[4], from;
  for (u32 i = 0; i < 4; ++i) {
    std::memcpy(&from, source + i * 8, sizeof from);
    moved[i] = Eight(_mm256_i32gather_epi32(reinterpret_cast<const int *>(a), __m256i(from), 4));
  }
  std::memcpy(d, moved, sizeof moved);
}

// Lane i takes lane i ^ shift: whole registers change places, and lanes inside them.
inline void exchange(const char *a, u32 shift, char *d) {
  Eight moved[4], from;
  const Eight lane = Eight{0, 1, 2, 3, 4, 5, 6, 7} ^ (shift & 7);
  for (u32 i = 0; i < 4; ++i) {
    std::memcpy(&from, a + (i ^ shift / 8) * sizeof from, sizeof from);
    moved[i] = Eight(_mm256_permutevar8x32_epi32(__m256i(from), __m256i(lane)));
  }
  std::memcpy(d, moved, sizeof moved);
}
#else
inline void permute(const char *a, const u32 *source, char *d) {
  u32 moved[kWarpSize];
  for (u32 i = 0; i < kWarpSize; ++i) moved[i] = reinterpret_cast<const u32 *>(a)[source[i]];
  std::memcpy(d, moved, sizeof moved);
}
inline void exchange(const char *a, u32 shift, char *d) {
  u32 moved[kWarpSize];
  for (u32 i = 0; i < kWarpSize; ++i) moved[i] = reinterpret_cast<const u32 *>(a)[i ^ shift];
  std::memcpy(d, moved, sizeof moved);
}
#endif

inline u32 shuffle(const Warp &w, const Op *op, s32 segment, s32 clamp, s32 shift) {
  const char *a = w.frame + op->a;
  char *d = w.frame + op->d;
  // A butterfly whose partners are all in its segment.
  if (op->kind == kBfly && clamp == 31 && (shift & segment) == 0) {
    exchange(a, u32(shift), d);
    return kAllLanes;
  }
  u32 source[kWarpSize];
  const u32 in_range = op->kind == kUp     ? find_sources<kUp>(segment, clamp, shift, source)
                       : op->kind == kDown ? find_sources<kDown>(segment, clamp, shift, source)
                       : op->kind == kBfly ? find_sources<kBfly>(segment, clamp, shift, source)
                                           : find_sources<kIdx>(segment, clamp, shift, source);
  permute(a, source, d);
  return in_range;
}

template <Watch watch>
const Op *shfl_uniform(Warp &w, const Op *op) {
  Eight different{};
  const u32 b = first_of_all(w, op->b, different), c = first_of_all(w, op->c, different);
  const u32 members = first_of_all(w, op->v[1], different);
  if ((w.mask & members) != kAllLanes || !is_zero(different)) return plain_handler(op->form, watch)(w, op);
  if (watch == Watch::races) w.run->race->call.gather(*w.run, w);
  const u32 in_range = shuffle(w, op, s32(c >> 8 & 31), s32(c & 31), s32(b & 31));
  if (op->flags & kHasD2) write_predicate(w, op->v[0], in_range);
  return op + 1;
}

}  // namespace

// Not under tracking: there each lane's knowledge moves with its value, which the plain handler sees to.
void add_uniform_shuffle(HandlerTable &quick) {
  quick[size_t(Watch::nothing)][form_shfl_b32] = shfl_uniform<Watch::nothing>;
  quick[size_t(Watch::counters)][form_shfl_b32] = shfl_uniform<Watch::counters>;
  quick[size_t(Watch::claims)][form_shfl_b32] = shfl_uniform<Watch::claims>;
  quick[size_t(Watch::timing)][form_shfl_b32] = shfl_uniform<Watch::timing>;
  quick[size_t(Watch::races)][form_shfl_b32] = shfl_uniform<Watch::races>;
}

}  // namespace vgpu
