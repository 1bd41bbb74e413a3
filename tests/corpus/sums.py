"""References of reductions (k04), histograms (k09), prefix sums (k10) and cooperative groups (k13)."""

from __future__ import annotations

import numpy as np

from .case import EPS32, Blank, Case, Check, Run, Values, cases, ceil_div, normal, wide

SUM, COUNT, EXACT = "NumPy float64", "NumPy bincount", "NumPy integers"


def all_cases() -> list[Case]:
    return [
        *cases("k04_reduce", "reduce_smem", SUM, _reduce_smem, {"32000": (32000, 256), "1001": (1001, 64)}),
        *cases("k04_reduce", "reduce_shfl", SUM, _reduce_shfl, {"32000": (32000, 5), "1004": (1004, 3)}),
        *cases("k04_reduce", "argmax_last", "NumPy argmax", _argmax, {"8000": (8000,), "777": (777,)}),
        *cases("k09_hist", "hist_global", COUNT, _hist_bytes, {"5000": (5000, 4), "31": (31, 1)}),
        *cases("k09_hist", "hist_shared", COUNT, _hist_shared, {"4992": (4992,), "16": (16,)}),
        *cases("k09_hist", "hist_match", COUNT, _hist_bytes, {"5000": (5000, 20), "31": (31, 1)}),
        *cases("k09_hist", "cas_maxf", "NumPy max", _cas_max, {"3000": (3000,), "45": (45,)}),
        *cases("k10_scan", "scan_block", EXACT, _scan_block, {"2000": (2000, 256), "333": (333, 96)}),
        *cases("k10_scan", "scan_lookback", EXACT, _lookback, {"2048": (2048, 256), "333": (333, 32)}),
        *cases("k13_cg", "cg_reduce", EXACT, _cg_reduce, {"2000": (2000, 2, 256), "301": (301, 3, 64)}),
        *cases("k13_cg", "cg_grid", "NumPy float32", _cg_grid, {"32": (32, 4, 64), "19": (19, 3, 96)}),
    ]


def _total(index: int, x: Values, roundings: float) -> Check:
    """A sum in which each element takes part in at most so many roundings."""
    return Check(index, np.array([wide(x).sum()]), roundings * EPS32, np.abs(wide(x)).sum())


def _reduce_smem(rng: np.random.Generator, length: int, block: int) -> Run:
    x, grid = normal(rng, length), ceil_div(length, 2 * block)
    check = _total(1, x, np.log2(2 * block) + grid)
    return Run(grid, block, [x, np.zeros(1, np.float32), length], [check], shared_bytes=4 * block)


def _reduce_shfl(rng: np.random.Generator, length: int, grid: int) -> Run:
    x = normal(rng, length)
    check = _total(1, x, 4 * ceil_div(length, 4 * 256 * grid) + 10 + grid)
    return Run(grid, 256, [x, np.zeros(1, np.float32), length // 4], [check])


def _argmax(rng: np.random.Generator, length: int) -> Run:
    x = normal(rng, length)
    x[[5, length // 2]] = x.max() + 1  # a tie: the key holds the index, so the later one wins
    where = length // 2
    key = int(x[where : where + 1].view(np.uint32)[0]) | 1 << 31
    best = np.array([key << 32 | where, sum(range(32))], np.uint64)
    checks = [Check(1, best, 0), Check(3, np.zeros(1, np.uint32), 0)]
    return Run(3, 256, [x, np.zeros(2, np.uint64), length, np.zeros(1, np.uint32)], checks)


def _hist_bytes(rng: np.random.Generator, length: int, grid: int) -> Run:
    return _histogram(_skewed(rng, length), length, grid, 256)


def _hist_shared(rng: np.random.Generator, length: int) -> Run:
    return _histogram(_skewed(rng, length), length // 16, 2, 96)


def _skewed(rng: np.random.Generator, length: int) -> Values:
    """Bytes of which a third are equal: lanes then meet in one bin."""
    x = rng.integers(0, 256, length).astype(np.uint8)
    x[::3] = 200
    return x


def _histogram(x: Values, given: int, grid: int, block: int) -> Run:
    check = Check(1, np.bincount(x, minlength=256).astype(np.uint32), 0)
    return Run(grid, block, [x, np.zeros(256, np.uint32), given], [check])


def _cas_max(rng: np.random.Generator, length: int) -> Run:
    x = normal(rng, length)
    check = Check(1, np.array([x.max()]), 0)
    return Run(ceil_div(length, 128), 128, [x, np.array([-1e30], np.float32), length], [check])


def _integers(rng: np.random.Generator, length: int) -> Values:
    return rng.integers(-(2**20), 2**20, length).astype(np.int32)


def _scan_block(rng: np.random.Generator, length: int, block: int) -> Run:
    x, grid = _integers(rng, length), ceil_div(length, block)
    pieces = np.split(x, range(block, length, block))
    sums = np.array([piece.sum() for piece in pieces], np.int32)
    scanned = np.concatenate([np.cumsum(piece, dtype=np.int32) for piece in pieces])
    arguments = [x, Blank((length,), np.int32), Blank((grid,), np.int32), length]
    return Run(grid, block, arguments, [Check(1, scanned, 0), Check(2, sums, 0)])


def _lookback(rng: np.random.Generator, length: int, block: int) -> Run:
    x, grid = _integers(rng, length), ceil_div(length, block)
    prefixes = np.cumsum([piece.sum() for piece in np.split(x, range(block, length, block))])
    state = np.array([2 << 32 | int(prefix) & 0xFFFFFFFF for prefix in prefixes], np.uint64)
    checks = [Check(1, np.cumsum(x, dtype=np.int32), 0), Check(2, state, 0)]
    arguments = [x, Blank((length,), np.int32), np.zeros(grid, np.uint64), np.zeros(1, np.uint32), length]
    return Run(grid, block, arguments, checks)


def _cg_reduce(rng: np.random.Generator, length: int, grid: int, block: int) -> Run:
    x = rng.integers(-5000, 5000, length).astype(np.int32)
    padded = np.zeros(ceil_div(length, grid * block) * grid * block, np.int64)
    padded[:length] = x
    of_lane = padded.reshape(-1, grid * block // 32, 32).sum(axis=0)
    # Lane 0 adds the group's size, its exclusive sum (0) and the largest of the first eight lanes.
    second = (32 + of_lane[:, :8].max(axis=1)).sum()
    check = Check(1, np.array([x.sum(), second], np.int32), 0)
    return Run(grid, block, [x, np.zeros(2, np.int32), length], [check])


def _cg_grid(rng: np.random.Generator, length: int, grid: int, block: int) -> Run:
    """One warp holds all the data, because the kernel's warps race for their neighbours' values otherwise."""
    x = normal(rng, length)
    check = Check(0, np.roll(x, -4) * np.float32(0.5**4), 0)
    race = "x[i] = x[i + 1] / 2 in place: a lane overwrites what its neighbour reads in the same round"
    return Run(grid, block, [x, length], [check], cooperative=True, race=race)
