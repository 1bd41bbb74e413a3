"""References of discrete styles: graphs, bits, dispatch, random numbers, locks, named barriers, digests.

s04, s11, s16, s18, s20, s21, s23; all of them exact.
"""

from __future__ import annotations

import base64
import hashlib
import math
import zlib
from collections.abc import Callable

import numpy as np

from .case import Blank, Case, Check, Run, Values, cases, ceil_div

PLAIN = "plain Python"


def all_cases() -> list[Case]:
    graphs, programs = {"400 vertices": (400, 3), "50 vertices": (50, 1)}, {"128": (128,), "45": (45,)}
    texts, rounds = {"40 texts": (40,), "9 texts": (9,)}, {"2x5 rounds": (2, 5), "1x1 round": (1, 1)}
    draws = {"256x50": (4, 64, 50), "96x3": (1, 96, 3)}
    return [
        *cases("s04_bfs", "bfs", "queue in Python", _bfs, graphs),
        *cases("s11_bits", "bit_puzzles", "Python integers", _bits, {"256": (256,), "77": (77,)}),
        *cases("s16_dispatch", "dispatch", PLAIN, _dispatch, programs),
        *cases("s16_dispatch", "byte_code", PLAIN, _byte_code, programs),
        *cases("s18_monte_carlo", "circle_hits", "Python integers", _circle, draws),
        *cases("s18_monte_carlo", "mrg32k3a", "Python integers", _mrg, {"64x40": (64, 40), "45x1": (45, 1)}),
        *cases("s20_locks", "lock_per_warp", "NumPy integers", _lock_warp, {"512": (512,), "301": (301,)}),
        *cases("s20_locks", "lock_per_thread", "Python integers", _lock_thread, {"256": (256, 7), "77": (77, 1)}),
        *cases("s21_named_barriers", "producer_consumer", "NumPy integers", _ring, rounds),
        *cases("s23_digests", "sha256", "hashlib", _sha256, texts),
        *cases("s23_digests", "crc32", "zlib", _crc32, texts),
        *cases("s23_digests", "base64", "base64", _base64, {"300 bytes": (300,), "77 bytes": (77,), "1 byte": (1,)}),
    ]


def _bfs(rng: np.random.Generator, vertices: int, degree: int) -> Run:
    neighbours = [rng.integers(0, vertices, rng.integers(0, 2 * degree + 1)).tolist() for _ in range(vertices)]
    neighbours[0] = [1, 1, 2]
    distance, frontier, depth = {0: 0}, [0], 0
    while frontier:
        depth += 1
        frontier = sorted({to for at in frontier for to in neighbours[at] if to not in distance})
        distance.update(dict.fromkeys(frontier, depth))
    expected = np.array([distance.get(vertex, -1) for vertex in range(vertices)], np.int32)
    starts = np.cumsum([0, *map(len, neighbours)]).astype(np.int32)
    flat = np.array([to for targets in neighbours for to in targets], np.int32)
    arguments = [starts, flat, np.full(vertices, -1, np.int32), Blank((2, vertices), np.int32), vertices, 0]
    return Run(1, 96, arguments, [Check(2, expected, 0)])


def _spread(v: int) -> int:
    return sum((v >> bit & 1) << 2 * bit for bit in range(32))


def _puzzles(x: int, y: int) -> list[int]:
    product = x * y + x
    return [
        _spread(x) | _spread(y) << 1,
        x ^ x >> 1,
        int(f"{y:064b}"[::-1], 2) + (x & y).bit_count() & 2**64 - 1,
        math.isqrt(x),
        math.gcd(x, y),
        pow(x, y & 0xFFFF, 4294967291),
        product & 2**64 - 1,
        product >> 64,
    ]


def _bits(rng: np.random.Generator, length: int) -> Run:
    a, b = (rng.integers(0, 2**64, length, np.uint64) >> rng.integers(0, 60, length, np.uint64) for _ in range(2))
    a[:3], b[:3] = [0, 2**64 - 1, 48], [0, 2**64 - 1, 36]
    expected = np.array([_puzzles(int(x), int(y)) for x, y in zip(a, b, strict=True)], np.uint64)
    return Run(ceil_div(length, 64), 64, [a, b, Blank((length, 8), np.uint64), length], [Check(2, expected, 0)])


_OPERATIONS: tuple[Callable[[int, int], int], ...] = (
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a | b,
)


def _dispatched(v: int, i: int) -> int:
    """One thread of `dispatch`."""
    if v & 1:
        area, scaled = (v & 15) ** 2, (v & 15) ** 2 - v
    else:
        area, scaled = (v & 7) * 3, (v & 7) * 3 * v
    captured, folded = v, 0
    for k in range(v & 3):
        captured ^= k * 5
        folded += captured
    polynomial = sum(c * (i & 3) ** power for power, c in enumerate((v, 1, -2, v >> 3, 4)))
    return area + scaled + folded + captured + _OPERATIONS[v >> 2 & 3](v, i + 1) + polynomial


def _dispatch(rng: np.random.Generator, length: int) -> Run:
    x = rng.integers(-1000, 1000, length).astype(np.int32)
    expected = np.array([_dispatched(int(v), i) for i, v in enumerate(x)], np.int32)
    return Run(ceil_div(length, 64), 64, [x, Blank((length,), np.int32), length], [Check(1, expected, 0)])


def _step(op: int, stack: list[int]) -> list[int]:
    """The stack after one instruction of the byte-code machine."""
    *rest, b = stack or [0]
    match op >> 5:
        case 0:
            return [*stack, op & 31]
        case 1:
            return [*stack, b]
        case 2:
            return [*rest[:-1], rest[-1] + b]
        case 3:
            return [*rest[:-1], rest[-1] * b]
        case 4:
            return [*rest[:-1], rest[-1] - b]
        case 5:
            return [*rest, -b]
        case 6:
            return [*rest[:-1], b, rest[-1]]
        case _:
            return [*rest, -(-b // 3) if b < 0 else b % 11]


def _program(rng: np.random.Generator) -> tuple[list[int], int]:
    """A random program that neither runs out of its stack nor overflows an int, and its result."""
    code, stack = [], []
    for op in rng.integers(0, 256, 40).tolist():
        needed = {0: 0, 1: 1, 5: 1, 7: 1}.get(op >> 5, 2)
        if len(stack) < needed or (op >> 5 < 2 and len(stack) == 16):
            continue
        after = _step(op, stack)
        if abs(after[-1]) < 2**31:
            code, stack = [*code, op], after
    return ([*code, 7], [*stack, 7][-1]) if not stack else (code, stack[-1])


def _byte_code(rng: np.random.Generator, length: int) -> Run:
    programs, results = zip(*(_program(rng) for _ in range(length)), strict=True)
    code = np.array([op for program in programs for op in program], np.uint8)
    starts = np.cumsum([0, *map(len, programs)]).astype(np.int32)
    check = Check(2, np.array(results, np.int32), 0)
    return Run(ceil_div(length, 64), 64, [code, starts, Blank((length,), np.int32), length], [check])


def _hits(i: int, seed: int, draws: int) -> int:
    """xorshift128 (G. Marsaglia, Xorshift RNGs, Journal of Statistical Software 8, 2003, section 4)."""
    x, y, z, w = seed ^ i * 0x9E3779B9 & 0xFFFFFFFF, 362436069 + i, 521288629, 88675123
    inside = 0
    for _ in range(draws):
        t = (x ^ x << 11) & 0xFFFFFFFF
        x, y, z, w = y, z, w, (w ^ w >> 19) ^ (t ^ t >> 8)
        inside += (w >> 16) ** 2 + (w & 0xFFFF) ** 2 < 2**32
    return inside


def _circle(rng: np.random.Generator, grid: int, block: int, draws: int) -> Run:
    seed = int(rng.integers(1, 2**32))
    expected = sum(_hits(i, seed, draws) for i in range(grid * block))
    check = Check(0, np.array([expected], np.uint32), 0)
    return Run(grid, block, [np.zeros(1, np.uint32), seed, draws], [check])


def _combined(i: int, seed: int, draws: int) -> float:
    """MRG32k3a (P. L'Ecuyer, Good parameters and implementations for combined multiple recursive generators, 1999)."""
    m1, m2 = 4294967087, 4294944443
    a, b, difference = [seed + i, 2 * i + 1, 3], [4, seed, i + 6], 0
    for _ in range(draws):
        p = (1403580 * a[1] - 810728 * a[0]) % m1
        q = (527612 * b[2] - 1370589 * b[0]) % m2
        a, b = [*a[1:], p], [*b[1:], q]
        difference = p - q if p > q else p - q + m1
    return difference * (1.0 / 4294967088.0)


def _mrg(rng: np.random.Generator, threads: int, draws: int) -> Run:
    seed = int(rng.integers(1, 2**31))
    expected = np.array([_combined(i, seed, draws) for i in range(threads)])
    return Run(1, threads, [Blank((threads,), np.float64), seed, draws], [Check(0, expected, 0)])


def _lock_warp(rng: np.random.Generator, length: int) -> Run:
    x = rng.integers(-1000, 1000, length).astype(np.int32)
    padded = np.zeros(ceil_div(length, 128) * 128, np.int32)
    padded[:length] = x
    checks = [Check(1, padded.reshape(-1, 32).sum(axis=0, dtype=np.int32), 0), Check(0, np.zeros(1, np.int32), 0)]
    arguments = [np.zeros(1, np.int32), np.zeros(32, np.int32), x, length]
    return Run(ceil_div(length, 128), 128, arguments, checks)


def _lock_thread(rng: np.random.Generator, length: int, buckets: int) -> Run:
    """k turns at sum * 3 + 1 give (3**k - 1) / 2, in whatever order."""
    bucket = rng.integers(0, buckets, length).astype(np.int32)
    turns = np.bincount(bucket, minlength=buckets).tolist()
    sums = np.array([(3**k - 1) // 2 % 2**32 for k in turns], np.uint32).view(np.int32)
    arguments = [np.zeros(buckets, np.int32), np.zeros(buckets, np.int32), bucket, length]
    return Run(ceil_div(length, 64), 64, arguments, [Check(1, sums, 0)])


def _ring(rng: np.random.Generator, grid: int, rounds: int) -> Run:
    x = rng.integers(-1000, 1000, (grid, rounds, 64)).astype(np.int32)
    expected = x[:, :, ::-1] * 2 + np.arange(rounds, dtype=np.int32)[None, :, None]
    return Run(grid, 128, [x, Blank(x.shape, np.int32), rounds], [Check(1, expected, 0)])


def _texts(rng: np.random.Generator, count: int) -> tuple[list[bytes], Values, Values]:
    """Texts around the lengths at which SHA-256 takes another block; their bytes; where each starts."""
    lengths = [0, 55, 56, 63, 64, *rng.integers(1, 200, count - 5).tolist()]
    texts = [rng.bytes(length) for length in lengths]
    starts = np.cumsum([0, *map(len, texts)]).astype(np.int32)
    return texts, np.frombuffer(b"".join(texts), np.uint8), starts


def _sha256(rng: np.random.Generator, count: int) -> Run:
    texts, flat, starts = _texts(rng, count)
    expected = np.array([np.frombuffer(hashlib.sha256(text).digest(), ">u4") for text in texts], np.uint32)
    arguments = [flat, starts, Blank((count, 8), np.uint32), count]
    return Run(ceil_div(count, 32), 32, arguments, [Check(2, expected, 0)])


def _crc32(rng: np.random.Generator, count: int) -> Run:
    texts, flat, starts = _texts(rng, count)
    expected = np.array([zlib.crc32(text) for text in texts], np.uint32)
    return Run(ceil_div(count, 32), 32, [flat, starts, Blank((count,), np.uint32), count], [Check(2, expected, 0)])


def _base64(rng: np.random.Generator, length: int) -> Run:
    text = rng.bytes(length)
    expected = np.frombuffer(base64.b64encode(text), np.uint8)
    arguments = [np.frombuffer(text, np.uint8), Blank(expected.shape, np.uint8), length]
    return Run(ceil_div(ceil_div(length, 3), 64), 64, arguments, [Check(1, expected, 0)])
