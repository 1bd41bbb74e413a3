"""References of half precision (k12), integer intrinsics and Philox (k15), f64 and libm (k16).

Integers are computed with Python's, modulo 2**32 or 2**64 where C++ does so.
"""

from __future__ import annotations

import math

import numpy as np

from . import bfloat16
from .case import EPS16, EPS32, EPS64, EPSB16, Blank, Case, Check, Run, Values, cases, ceil_div, normal, wide

LOW32, LOW64 = (1 << 32) - 1, (1 << 64) - 1


def all_cases() -> list[Case]:
    sizes = {"512": (512,), "301": (301,)}
    return [
        *cases("k12_half_elem", "gelu_h2", "NumPy float64", _gelu, {"1024": (1024,), "302": (302,)}),
        *cases("k12_half_elem", "bf16_mix", "NumPy float64, rounded to bf16", _bf16_mix, sizes),
        *cases("k12_half_elem", "half_atomics", "NumPy float64", _half_atomics, {"128": (128,), "45": (45,)}),
        *cases("k15_intmisc", "int_misc", "Python integers", _int_misc, sizes),
        *cases("k15_intmisc", "philox", "Python integers", _philox, {"64": (64,), "45": (45,)}),
        *cases("k16_fp64_math", "fp64_stencil", "NumPy long double", _stencil, sizes),
        *cases("k16_fp64_math", "math_slow", "Python math", _math_slow, sizes),
        *cases("k16_fp64_math", "norm_cdf", "Python math", _norm_cdf, sizes),
    ]


def _gelu(rng: np.random.Generator, length: int) -> Run:
    x = normal(rng, length, dtype=np.float16)
    v = wide(x)
    expected = v * 0.5 * (1 + np.tanh(v * (0.797885 + 0.035677 * v * v)))
    # Six roundings to f16; tanh halves those of its argument, and 1 + tanh cancels, so |v| is the scale.
    check = Check(1, expected, 4 * EPS16, np.abs(v))
    return Run(ceil_div(length, 256), 128, [x, Blank((length,), np.float16), length // 2], [check])


def _to_bf16(values: Values) -> Values:
    """Nearest bfloat16, ties to even, from float64 in one rounding."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 256), exponent - 8)


def _bf16_mix(rng: np.random.Generator, length: int) -> Run:
    bits = [bfloat16.to_bits(normal(rng, length)) for _ in range(2)]
    bits[0][bits[0] == 0xC000] = 0  # no infinite 1 / sqrt(2 + a)
    a, b = map(bfloat16.from_bits, bits)
    h = normal(rng, length, dtype=np.float16)
    larger = np.maximum(_to_bf16(a * b + _to_bf16(a - b)), np.minimum(a, b))
    c, error_function = np.where(a > b, -larger, larger), np.array([math.erf(value) for value in a])
    terms = [np.exp(b), 1 / np.sqrt(np.where(a < -2, np.nan, 2 + a)), wide(h) * (np.arange(length) & 7)]
    halves = np.nan_to_num(sum(terms))  # the kernel stores 0 for NaN
    checks = [
        # Everything before erf is exact; a neighbour of its rounding, and then one of the sum's.
        Check(2, c + error_function, 3 * EPSB16, np.abs(c) + np.abs(error_function), bfloat16.from_bits),
        Check(3, halves, 6 * EPS16, np.nan_to_num(sum(map(np.abs, terms))) + 1),
    ]
    return Run(ceil_div(length, 256), 256, [*bits, Blank((length,), np.uint16), h, length], checks)


def _half_atomics(rng: np.random.Generator, count: int) -> Run:
    x = normal(rng, count, 2, dtype=np.float16)
    of_thread = np.arange(count)
    sums, magnitudes = np.zeros((8, 2)), np.zeros((8, 2))
    np.add.at(sums, of_thread & 7, wide(x))
    np.add.at(magnitudes, of_thread & 7, np.abs(wide(x)))
    ones = np.bincount(of_thread & 3)[:, None] * np.array([1.0, 2.0])  # exact in bf16 below 256
    checks = [Check(1, sums, ceil_div(count, 8) * EPS16, magnitudes), Check(2, ones, 0, view=bfloat16.from_bits)]
    arguments = [x, np.zeros((8, 2), np.float16), np.zeros((4, 2), np.uint16), count]
    return Run(ceil_div(count, 64), 64, arguments, checks)


def _signed(value: int, bits: int = 32) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _bytes(value: int) -> list[int]:
    return [value >> shift & 255 for shift in (0, 8, 16, 24)]


def _quotient(a: int, b: int) -> int:
    """Division as C++ does it: towards zero."""
    return int(math.copysign(abs(a) // abs(b), a)) if a else 0


def _mixed(a: int, b: int, q: int, i: int) -> int:
    """One thread of int_misc; see the kernel for the order of terms, which does not matter modulo 2**64."""
    sa, sb = _signed(a), _signed(b)
    dot = 3 + sum(_signed(x, 8) * _signed(y, 8) for x, y in zip(_bytes(a), _bytes(b), strict=True))
    h = a * b & LOW64
    h ^= h * 0x9E3779B97F4A7C15 >> 64
    h = h // (b | 1) + h % (a | 1) & LOW64
    pair = [*_bytes(a), *_bytes(b)]
    permuted = sum(pair[selector] << 8 * place for place, selector in enumerate((0, 4, 1, 5)))
    saturated = sum(min(x + y, 255) << 8 * k for k, (x, y) in enumerate(zip(_bytes(a), _bytes(b), strict=True)))
    narrow = [
        32 - a.bit_length(),
        b.bit_count(),
        int(f"{a:032b}"[::-1], 2),
        permuted,
        (b << 32 | a) << (i & 31) >> 32,
        (h & -h).bit_length(),
        saturated,
        abs(sa - sb) + 1,
        sa * sb >> 32,
        max(sa, sb),
        abs(sa),
        abs(a - b) + 2,
    ]
    words = [sa >> (b & 31), _quotient(sa, 7), sb - 13 * _quotient(sb, 13), _signed(a, 16) * _signed(b, 16)]
    return h + (sum(narrow) & LOW32) + _signed(dot) + q + sum(words) & LOW64


def _int_misc(rng: np.random.Generator, length: int) -> Run:
    x = rng.integers(0, 1 << 32, length).astype(np.uint32)
    x[:4] = [0, LOW32, 1, 1 << 30]
    q = rng.integers(-128, 128, length).astype(np.int8)
    numbers = [int(value) for value in x]
    expected = [_mixed(a, numbers[(i + 1) % length], int(q[i]), i) for i, a in enumerate(numbers)]
    check = Check(2, np.array(expected, np.uint64), 0)
    return Run(ceil_div(length, 128), 128, [x, q, Blank((length,), np.uint64), length], [check])


def philox(counter: int, seed: int) -> list[int]:
    """Philox 4x32-10 (J. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC11, section 5.3)."""
    c, keys = [counter, 0, 0, 0], (seed, 0xCAFEF00D)
    for step in range(10):
        k0, k1 = (key + step * weyl & LOW32 for key, weyl in zip(keys, (0x9E3779B9, 0xBB67AE85), strict=True))
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [second >> 32 ^ c[1] ^ k0, second & LOW32, first >> 32 ^ c[3] ^ k1, first & LOW32]
    return c


def _philox(rng: np.random.Generator, count: int) -> Run:
    seed = int(rng.integers(1 << 32))
    check = Check(0, np.array([philox(i, seed) for i in range(count)], np.uint32), 0)
    return Run(ceil_div(count, 32), 32, [Blank((count, 4), np.uint32), seed, count], [check])


def _stencil(rng: np.random.Generator, length: int) -> Run:
    x = normal(rng, length, dtype=np.float64)
    v = x.astype(np.longdouble)
    root, inner = np.sqrt(1 + v[1:-1] ** 2), np.exp(-v[1:-1])
    expected, scale = np.zeros(length), np.ones(length)
    expected[1:-1] = (v[:-2] - 2 * v[1:-1] + v[2:]) / root + inner
    scale[1:-1] = (abs(v[:-2]) + 2 * abs(v[1:-1]) + abs(v[2:])) / root + inner
    check = Check(1, expected, 8 * EPS64, scale)
    return Run(ceil_div(length, 128), 128, [x, np.zeros(length), length], [check])


def _norm_cdf(rng: np.random.Generator, length: int) -> Run:
    x = normal(rng, length, dtype=np.float64)
    terms = [[0.5 * math.erfc(-v / math.sqrt(2)), math.sin(v), math.log(v * v + 1), math.pow(abs(v), 0.3)] for v in x]
    check = Check(1, np.array([math.fsum(t) for t in terms]), 16 * EPS64, np.abs(terms).sum(axis=1))
    return Run(ceil_div(length, 128), 128, [x, Blank((length,), np.float64), length], [check])


def _slow_terms(v: float) -> list[float]:
    """The terms of math_slow; arguments that the kernel rounds to f32 are rounded here too."""
    large = float(np.float32(v) * np.float32(1000))
    return [
        math.sin(large) * math.cos(large),
        abs(v) ** float(np.float32(1.7)),
        math.log(1 + v * v),
        math.atan2(v, 2),
        math.copysign(abs(v) ** (1 / 3), v),
        math.erf(v),
        math.fmod(v, float(np.float32(0.3))),
        math.floor(v),
        round(v),
        math.trunc(v),
        int(v),
        v * 3,
        math.log1p(v) if v > -1 else math.nan,
        math.copysign(1, v),
        v * 8,
        math.sqrt(abs(v)),
        1 / v,
        2**v,
        math.log2(abs(v) + 1),
        math.sin(v),
        math.tan(v),
    ]


def _math_slow(rng: np.random.Generator, length: int) -> Run:
    x = normal(rng, length)
    terms = [_slow_terms(float(v)) for v in x]
    # 21 roundings of the sum, 4 ulp of each function, 2**-20.5 of sin.approx beside a term of at least 1.
    check = Check(1, np.array([sum(t) for t in terms]), 48 * EPS32, np.abs(terms).sum(axis=1))
    return Run(ceil_div(length, 128), 128, [x, Blank((length,), np.float32), length], [check])
