// Whether the vector code of matrix products (exec/panels.h) has the bits of their scalar definition (exec/products.h).
//
//   matrix_twins TRIALS [spoil]     prints one line for each shape: its name, how many trials differ, a hash of all
//   results, which must be the same on every processor. `spoil` flips one bit of a result, to show that it is noticed.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "exec/panels.h"

namespace {

using namespace vgpu;

// xorshift64* (Marsaglia, "Xorshift RNGs", 2003).
struct Random {
  u64 state;
  u32 next() {
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return u32(state * 0x2545f4914f6cdd1dull >> 32);
  }
};

// Bits of an operand of 16-bit halves or of 32-bit words: anything; exponents near one; near ones with rare anything.
u32 near_half(u32 bits, bool brain) {
  return brain ? (bits & 0x807f) | (0x3f00 + (bits >> 20 & 0x180)) : (bits & 0x83ff) | (0x3800 + (bits >> 18 & 0xc00));
}
u32 draw(Random &random, u32 width, bool brain, u32 style) {
  const u32 bits = random.next();
  if (style == 0 || (style == 2 && random.next() % 50 == 0)) return bits;
  if (width == 32) return (bits & 0x807fffff) | (0x3f000000 + (random.next() & 0x01800000));
  return near_half(random.next(), brain) | near_half(bits, brain) << 16;
}

template <class E>
void fill(Random &random, std::vector<char> &frame, const std::vector<u32> &slots, u32 style) {
  const bool brain = std::is_same_v<E, BrainElement>;
  for (const u32 slot : slots) {
    for (u32 lane = 0; lane < kWarpSize; ++lane) {
      const u32 word = draw(random, 32 / E::per, brain, style);
      std::memcpy(frame.data() + slot + 4 * lane, &word, 4);
    }
  }
}

std::vector<u32> take(u32 &next, u32 count) {
  std::vector<u32> slots;
  for (u32 i = 0; i < count; ++i) slots.push_back(128 * next++);
  return slots;
}

template <class S>
bool compare(const char *name, u32 trials, bool spoil) {
  u32 next = 0;
  const std::vector<u32> d = take(next, S::d_registers), a = take(next, S::a_listed), b = take(next, S::b_listed);
  // Accumulators lie where d does in half of the trials, as compilers like to place them.
  const std::vector<u32> other = take(next, S::c_registers);
  const bool may_share = S::c_registers == S::d_registers;
  Random random{0x9e3779b97f4a7c15ull};
  u64 hash = 0xcbf29ce484222325ull;
  u32 different = 0;
  for (u32 trial = 0; trial < trials; ++trial) {
    const std::vector<u32> &c = may_share && trial % 2 ? d : other;
    std::vector<char> plain(128 * next);
    fill<typename S::A>(random, plain, a, trial % 3);
    fill<typename S::B>(random, plain, b, trial % 3);
    fill<typename S::C>(random, plain, c, trial % 3);
    std::vector<char> fast = plain;
    const OperandList registers{d.data(), a.data(), b.data(), c.data()};
    Op op;
    Warp warp;
    warp.frame = plain.data();
    multiply_plain<S>(warp, &op, registers);
    warp.frame = fast.data();
    multiply_panels<S>(warp, &op, registers);
    if (spoil && trial == trials / 2) fast[d.back() + 77] ^= 1;
    different += fast != plain;
    for (u32 i = 0; i < 128 * S::d_registers; ++i) hash = (hash ^ u8(fast[i])) * 0x100000001b3ull;
  }
  std::printf("%s %u %016llx\n", name, different, static_cast<unsigned long long>(hash));
  return different == 0;
}

}  // namespace

int main(int count, char **argument) {
  if (count < 2) return 2;
  const u32 trials = u32(std::atoi(argument[1]));
  const bool spoil = count > 2 && !std::strcmp(argument[2], "spoil");
  bool same = true;
  using H = HalfElement;
  using B = BrainElement;
  using T = Tf32Element;
  using F = SingleElement;
#define COMPARE(...) same &= compare<Product<__VA_ARGS__>>(#__VA_ARGS__, trials, spoil)
  COMPARE(16, 8, 16, H, H, F, F);
  COMPARE(16, 8, 16, H, H, H, H);
  COMPARE(16, 8, 8, H, H, F, F);
  COMPARE(16, 8, 8, H, H, H, H);
  COMPARE(16, 8, 16, B, B, F, F);
  COMPARE(16, 8, 8, B, B, F, F);
  COMPARE(16, 8, 8, T, T, F, F);
  COMPARE(16, 8, 4, T, T, F, F);
  COMPARE(16, 16, 16, H, H, F, F, 8, 8);
  COMPARE(32, 8, 16, H, H, F, H, 8, 8);
  COMPARE(8, 32, 16, H, H, H, F, 8, 8);
  COMPARE(32, 8, 16, B, B, F, F);
  COMPARE(16, 16, 8, T, T, F, F);
  return same ? 0 : 1;
}
