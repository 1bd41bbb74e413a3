"""References of sorting, searching and grouping: s01, s02, s08, s09, s12, s15, s24."""

from __future__ import annotations

from collections import Counter

import numpy as np

from .case import Blank, Case, Check, Run, Values, cases, ceil_div, normal

EMPTY = 2**64 - 1


def all_cases() -> list[Case]:
    points, words = {"600 in 70": (600, 70), "5 in 33": (5, 33)}, {"9 pairs": (9, 64), "4 pairs": (4, 32)}
    keys = {"1000 into 512": (1000, 512), "61 into 64": (61, 64)}
    return [
        *cases("s01_radix_sort", "radix_sort_block", "NumPy stable sort", _radix, {"1024": (1024,), "777": (777,)}),
        *cases("s02_bitonic_sort", "bitonic_sort", "NumPy sort", _bitonic, {"1024": (1024, 128), "333": (333, 64)}),
        *cases("s08_knn", "knn_heap", "NumPy lexsort", _nearest, points),
        *cases("s09_compact", "compact_groups", "NumPy, in any order", _compact_any, {"1000": (1000,), "77": (77,)}),
        *cases("s09_compact", "compact_ordered", "NumPy", _compact_ordered, {"1000": (1000, 96), "77": (77, 32)}),
        *cases("s12_hash_table", "table_insert", "Python Counter", _insert, keys),
        *cases("s12_hash_table", "table_find", "Python Counter", _find, keys),
        *cases("s15_levenshtein", "levenshtein", "Wagner and Fischer's recurrence", _levenshtein, words),
        *cases("s24_segments", "segmented_sum", "NumPy add.at", _segmented, {"1000": (1000,), "45": (45,)}),
        *cases("s24_segments", "group_maximum", "plain Python", _groups, {"512": (512,), "45": (45,)}),
    ]


def _radix(rng: np.random.Generator, length: int) -> Run:
    keys = rng.integers(0, 2**32 - 1, length).astype(np.uint32)
    keys[::5] = keys[0]  # equal keys show whether it is stable
    values, order = np.arange(length, dtype=np.uint32), np.empty(length, np.int64)
    for start in range(0, length, 256):
        order[start : start + 256] = start + np.argsort(keys[start : start + 256], kind="stable")
    checks = [Check(0, keys[order], 0), Check(1, values[order], 0)]
    return Run(ceil_div(length, 256), 256, [keys, values, length], checks)


def _bitonic(rng: np.random.Generator, length: int, block: int) -> Run:
    x, piece = normal(rng, length), 2 * block
    expected = np.concatenate([np.sort(x[start : start + piece]) for start in range(0, length, piece)])
    return Run(ceil_div(length, piece), block, [x, length], [Check(0, expected, 0)], shared_bytes=4 * piece)


def _nearest(rng: np.random.Generator, count: int, queries: int) -> Run:
    points = rng.integers(-30, 30, (count, 4)).astype(np.int16)  # few places, so that distances tie
    asked = rng.integers(-30, 30, (queries, 4)).astype(np.int16)
    distances = ((asked[:, None, :].astype(np.int64) - points[None]) ** 2).sum(axis=2)
    expected = np.full((queries, 8), 0x7FFFFFFF, np.int32)
    for query, row in enumerate(distances):
        order = np.lexsort((np.arange(count), row))[:8]
        expected[query, : len(order)] = order
    arguments = [points, asked, Blank(expected.shape, np.int32), count, queries]
    return Run(ceil_div(queries, 64), 64, arguments, [Check(2, expected, 0)])


def _kept(rng: np.random.Generator, length: int) -> tuple[Values, Values, Values]:
    """Values of which half are positive; those, with zeros behind them; and how many they are."""
    x = rng.integers(-1000, 1001, length).astype(np.int32)
    kept, expected = x[x > 0], np.zeros(length, np.int32)
    expected[: len(kept)] = kept
    return x, expected, np.array([len(kept)], np.int32)


def _compact_any(rng: np.random.Generator, length: int) -> Run:
    x, expected, count = _kept(rng, length)
    checks = [Check(1, np.sort(expected), 0, view=np.sort), Check(2, count, 0)]
    arguments = [x, np.zeros(length, np.int32), np.zeros(1, np.int32), length]
    return Run(ceil_div(length, 128), 128, arguments, checks)


def _compact_ordered(rng: np.random.Generator, length: int, block: int) -> Run:
    x, expected, count = _kept(rng, length)
    arguments = [x, np.zeros(length, np.int32), Blank((1,), np.int32), length]
    return Run(1, block, arguments, [Check(1, expected, 0), Check(2, count, 0)])


def _keys(rng: np.random.Generator, length: int, slots: int) -> Values:
    """Keys with repetitions that leave a quarter of the slots empty."""
    return rng.choice(rng.integers(0, 2**32, slots * 3 // 4), length).astype(np.uint32)


def _insert(rng: np.random.Generator, length: int, slots: int) -> Run:
    """Which slot a key gets depends on the order of insertion, so slots are compared as a set."""
    keys = _keys(rng, length, slots)
    times = Counter(keys.tolist())
    table, counts = np.full(slots, EMPTY, np.uint64), np.zeros(slots, np.uint32)
    table[: len(times)], counts[: len(times)] = list(times), list(times.values())
    checks = [Check(1, np.sort(table), 0, view=np.sort), Check(2, np.sort(counts), 0, view=np.sort)]
    arguments = [keys, np.full(slots, EMPTY, np.uint64), np.zeros(slots, np.uint32), slots - 1, length]
    return Run(ceil_div(length, 128), 128, arguments, checks)


def _hash(key: int) -> int:
    """The finaliser of MurmurHash3 with 32 bits."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        key = (key ^ key >> shift) * factor & 0xFFFFFFFF
    return key


def _find(rng: np.random.Generator, length: int, slots: int) -> Run:
    times = Counter(_keys(rng, length, slots).tolist())
    table, counts = np.full(slots, EMPTY, np.uint64), np.zeros(slots, np.uint32)
    for key, count in times.items():
        slot = next(s % slots for s in range(_hash(key), _hash(key) + slots) if table[s % slots] == EMPTY)
        table[slot], counts[slot] = key, count
    asked = np.concatenate([list(times), rng.integers(0, 2**32, 50)]).astype(np.uint32)
    expected = np.array([times[key] for key in asked.tolist()], np.uint32)
    arguments = [asked, table, counts, Blank(asked.shape, np.uint32), slots - 1, len(asked)]
    return Run(ceil_div(len(asked), 64), 64, arguments, [Check(3, expected, 0)])


def _strings(rng: np.random.Generator, count: int) -> tuple[list[bytes], Values, Values]:
    """Strings over four letters, one of them empty; their letters; where each starts."""
    strings = [bytes(rng.choice(list(b"acgt"), int(length)).tolist()) for length in rng.integers(1, 60, count)]
    strings[count // 2] = b""
    starts = np.cumsum([0, *map(len, strings)]).astype(np.int32)
    return strings, np.frombuffer(b"".join(strings), np.int8), starts


def _edits(a: bytes, b: bytes) -> int:
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (letter != other))
    return row[-1]


def _levenshtein(rng: np.random.Generator, pairs: int, block: int) -> Run:
    (first, a, a_start), (second, b, b_start) = _strings(rng, pairs), _strings(rng, pairs)
    expected = np.array([_edits(x, y) for x, y in zip(first, second, strict=True)], np.int32)
    arguments = [a, a_start, b, b_start, Blank((pairs,), np.int32)]
    shared = 3 * 4 * (max(map(len, first)) + 1)
    return Run(pairs, block, arguments, [Check(4, expected, 0)], shared_bytes=shared)


def _segmented(rng: np.random.Generator, length: int) -> Run:
    key = np.sort(rng.integers(0, max(length // 9, 2), length)).astype(np.int32)
    value, sums = rng.integers(-1000, 1000, length).astype(np.int32), np.zeros(length, np.int32)
    np.add.at(sums, key, value)
    arguments = [key, value, np.zeros(length, np.int32), length]
    return Run(ceil_div(length, 128), 128, arguments, [Check(2, sums, 0)])


def _groups(rng: np.random.Generator, length: int) -> Run:
    key, value = rng.integers(0, 5, length).astype(np.int32), normal(rng, length, dtype=np.float16)
    largest, size = np.empty_like(value), np.empty(length, np.int32)
    for i in range(length):
        warp = slice(i // 32 * 32, i // 32 * 32 + 32)
        same = value[warp][key[warp] == key[i]]
        largest[i], size[i] = same.max(), len(same)
    arguments = [key, value, Blank((length,), np.float16), Blank((length,), np.int32), length]
    return Run(ceil_div(length, 128), 128, arguments, [Check(2, largest, 0), Check(3, size, 0)])
