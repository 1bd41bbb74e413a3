// d = a b + c for f16, bf16 and tf32 in vector code: eight columns at once, with the bits of multiply_plain
// (exec/products.h).
//
// A register of a holds 8 rows of 8 (tf32: 4) neighbours, so it is widened in one go. Columns of b, c and d are taken
// in the order 0 2 4 6 1 3 5 7: then two accumulator registers lie side by side in a vector, and the four words of a
// row of b are transposed within each half of it. Vectors are those of the compiler (g++, clang), so every build has
// them; the intrinsics below each have a portable twin beside them.
#pragma once

#include "products.h"

#if defined(__FMA__) && defined(__F16C__)
#define VGPU_FMA_VECTORS
#include <immintrin.h>
#endif

namespace vgpu {

typedef f32 Eight __attribute__((vector_size(32)));
typedef u32 EightWords __attribute__((vector_size(32)));
typedef u16 EightHalves __attribute__((vector_size(16)));

template <class V>
inline void load_vector(V &v, const void *from) { std::memcpy(&v, from, sizeof v); }

// Eight f16 in the lower halves of words -> f32.
inline void widen_half_words(const EightWords &halves, Eight &out) {
  const EightWords shifted = (halves & 0x7fff) << 13;
  EightWords bits;
  const Eight scaled = reinterpret_cast<const Eight &>(shifted) * 0x1p112f;
  std::memcpy(&bits, &scaled, sizeof bits);
  bits |= reinterpret_cast<EightWords>(shifted >= 0x0f800000) & 0x7f800000;      // infinity and NaN
  bits |= (halves & 0x8000) << 16;
  std::memcpy(&out, &bits, sizeof out);
}

inline void widen_halves(const void *from, Eight &out) {
#ifdef VGPU_FMA_VECTORS
  __m128i halves;
  std::memcpy(&halves, from, sizeof halves);
  out = reinterpret_cast<Eight>(_mm256_cvtph_ps(halves));
#else
  EightHalves halves;
  load_vector(halves, from);
  widen_half_words(__builtin_convertvector(halves, EightWords), out);
#endif
}

// sum += a * b, rounded once. `exact`: products of these elements are exact in f32.
template <bool exact>
inline void add_products(Eight &sum, f32 a, const Eight &b) {
#ifdef VGPU_FMA_VECTORS
  sum = reinterpret_cast<Eight>(_mm256_fmadd_ps(_mm256_set1_ps(a), reinterpret_cast<__m256>(b),
                                                reinterpret_cast<__m256>(sum)));
#else
  if (exact) sum = sum + b * a;
  else {
    for (u32 i = 0; i < 8; ++i) sum[i] = fused(a, b[i], sum[i]);
  }
#endif
}

// How a panel reads one kind of element. `widen`: a row of 4 E neighbours of a. `split`: words of b, one for each
// column, into the rows they hold.
struct HalfPanel {
  static constexpr bool exact = true;
  static constexpr u32 per = 2;
  static void widen(const u32 *row, f32 *out) {
    Eight wide;
    widen_halves(row, wide);
    std::memcpy(out, &wide, sizeof wide);
  }
  static void split(const EightWords &words, Eight *rows) {
    widen_half_words(words & 0xffff, rows[0]);
    widen_half_words(words >> 16, rows[1]);
  }
};
struct BrainPanel {
  static constexpr bool exact = false;                        // a product may overflow or lose bits below 2^-126
  static constexpr u32 per = 2;
  static void widen(const u32 *row, f32 *out) {
    for (u32 i = 0; i < 4; ++i) {
      out[2 * i] = bits_as<f32>(row[i] << 16);
      out[2 * i + 1] = bits_as<f32>(row[i] & 0xffff0000);
    }
  }
  static void split(const EightWords &words, Eight *rows) {
    const EightWords low = words << 16, high = words & 0xffff0000;
    std::memcpy(&rows[0], &low, sizeof low);
    std::memcpy(&rows[1], &high, sizeof high);
  }
};
struct Tf32Panel {
  static constexpr bool exact = false;
  static constexpr u32 per = 1;
  static void widen(const u32 *row, f32 *out) {
    for (u32 i = 0; i < 4; ++i) out[i] = bits_as<f32>(row[i] & 0xffffe000);
  }
  static void split(const EightWords &words, Eight *rows) {
    const EightWords kept = words & 0xffffe000;
    std::memcpy(&rows[0], &kept, sizeof kept);
  }
};
template <class E> struct PanelOf { using Type = void; };
template <> struct PanelOf<HalfElement> { using Type = HalfPanel; };
template <> struct PanelOf<BrainElement> { using Type = BrainPanel; };
template <> struct PanelOf<Tf32Element> { using Type = Tf32Panel; };

// The 32 words of a register of b, four for each column -> four vectors of one word for each column.
inline void transpose_words(const u32 *lanes, EightWords *out) {
  EightWords in[4];
  std::memcpy(in, lanes, sizeof in);
  const EightWords a = __builtin_shufflevector(in[0], in[1], 0, 8, 1, 9, 4, 12, 5, 13);
  const EightWords b = __builtin_shufflevector(in[2], in[3], 0, 8, 1, 9, 4, 12, 5, 13);
  const EightWords c = __builtin_shufflevector(in[0], in[1], 2, 10, 3, 11, 6, 14, 7, 15);
  const EightWords d = __builtin_shufflevector(in[2], in[3], 2, 10, 3, 11, 6, 14, 7, 15);
  out[0] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
  out[1] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  out[2] = __builtin_shufflevector(c, d, 0, 1, 8, 9, 4, 5, 12, 13);
  out[3] = __builtin_shufflevector(c, d, 2, 3, 10, 11, 6, 7, 14, 15);
}

// Accumulators of 8 rows and 8 columns: `pair` is the number of the pair of registers, or of the register of halves.
template <class E> struct Sums;
template <> struct Sums<SingleElement> {
  static void read(const Warp &w, const u32 *c, u32 pair, Eight *rows) {
    const char *even = w.frame + c[2 * pair], *odd = w.frame + c[2 * pair + 1];
    for (u32 row = 0; row < 8; ++row) {
      std::memcpy(&rows[row], even + row * 16, 16);
      std::memcpy(reinterpret_cast<char *>(&rows[row]) + 16, odd + row * 16, 16);
    }
  }
  static void write(const Warp &w, const u32 *d, u32 pair, const Eight *rows) {
    char *even = w.frame + d[2 * pair], *odd = w.frame + d[2 * pair + 1];
    for (u32 row = 0; row < 8; ++row) {
      const EightWords nan = EightWords{} + 0x7fffffff;
      const Eight sum = rows[row] == rows[row] ? rows[row] : reinterpret_cast<const Eight &>(nan);
      std::memcpy(even + row * 16, &sum, 16);
      std::memcpy(odd + row * 16, reinterpret_cast<const char *>(&sum) + 16, 16);
    }
  }
};
template <> struct Sums<HalfElement> {
  static void read(const Warp &w, const u32 *c, u32 pair, Eight *rows) {
    for (u32 row = 0; row < 8; ++row) {
      Eight wide;
      widen_halves(w.frame + c[pair] + row * 16, wide);
      rows[row] = __builtin_shufflevector(wide, wide, 0, 2, 4, 6, 1, 3, 5, 7);
    }
  }
  static void write(const Warp &w, const u32 *d, u32 pair, const Eight *rows) {
    for (u32 row = 0; row < 8; ++row) {
      const Eight sum = __builtin_shufflevector(rows[row], rows[row], 0, 4, 1, 5, 2, 6, 3, 7);
      u16 halves[8];
      for (u32 i = 0; i < 8; ++i) halves[i] = f32_to_f16(sum[i]);
      std::memcpy(w.frame + d[pair] + row * 16, halves, sizeof halves);
    }
  }
};

template <class S, class P>
inline void widen_a(const Warp &w, const u32 *a, f32 (*rows)[S::k]) {
  for (u32 i = 0; i < S::a_registers; ++i) {
    const u32 *lanes = lanes_at<u32>(w, a[i]);
    f32(*first)[S::k] = rows + 8 * (i % (S::m / 8));
    for (u32 row = 0; row < 8; ++row) P::widen(lanes + 4 * row, first[row] + 4 * P::per * (i / (S::m / 8)));
  }
}

// Columns 8 group .. 8 group + 7 of b.
template <class S, class P>
inline void widen_b(const Warp &w, const u32 *b, u32 group, Eight *rows) {
  constexpr u32 registers = S::k / (4 * P::per);
  for (u32 i = 0; i < registers; ++i) {
    EightWords words[4];
    transpose_words(lanes_at<u32>(w, b[group * registers + i]), words);
    for (u32 q = 0; q < 4; ++q) P::split(words[q], rows + 4 * P::per * i + P::per * q);
  }
}

template <class S, bool exact>
inline void multiply_rows(const f32 (*a)[S::k], const Eight *b, Eight *sums) {
  Eight s[8];                                    // of its own, so that it stays in registers
  std::memcpy(s, sums, sizeof s);
  for (u32 k = 0; k < S::k; ++k) {
#pragma GCC unroll 8
    for (u32 row = 0; row < 8; ++row) add_products<exact>(s[row], a[row][k], b[k]);
  }
  std::memcpy(sums, s, sizeof s);
}

template <class S>
inline void multiply_panels(const Warp &w, const Op *, const OperandList &r) {
  using P = typename PanelOf<typename S::A>::Type;
  alignas(64) f32 a[S::m][S::k];
  Eight b[S::n / 8][S::k];
  widen_a<S, P>(w, r.a, a);
  for (u32 group = 0; group < S::n / 8; ++group) widen_b<S, P>(w, r.b, group, b[group]);
  // From here a and b are copies: d may lie where they were.
  Eight sums[S::n / 8][S::m];
  for (u32 pair = 0; pair < S::m * S::n / 64; ++pair) {
    const u32 first = 8 * (pair % (S::m / 8)), group = pair / (S::m / 8);
    Sums<typename S::C>::read(w, r.c, pair, sums[group] + first);
    multiply_rows<S, P::exact>(a + first, b[group], sums[group] + first);
  }
  for (u32 pair = 0; pair < S::m * S::n / 64; ++pair) {
    Sums<typename S::D>::write(w, r.d, pair, sums[pair / (S::m / 8)] + 8 * (pair % (S::m / 8)));
  }
}

}  // namespace vgpu
