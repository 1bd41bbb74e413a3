"""References of control flow (k17) and of pipelines and barriers in shared memory (k14)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .case import Blank, Case, Check, Run, Values, cases, ceil_div, normal

PLAIN = "plain Python"


def all_cases() -> list[Case]:
    launches = {"64 threads": (64, 5), "37 threads": (37, 1)}
    stopped = {"assert fails": (-5, ""), "trap": (77, "hello 77 1.500000\n")}
    blocks = {"2x32": (2, 32), "1x21": (1, 21)}
    copies = {"1024": (1024, 128), "175": (175, 35)}
    return [
        *cases("k14_pipeline", "pipe_prim", "NumPy", _pipe_primitives, {"1024": (1024, 2), "333": (333, 3)}),
        *cases("k14_pipeline", "pipe_cuda", "NumPy", _pipe_cuda, copies),
        *cases("k14_pipeline", "barrier_k", "NumPy", _barrier, {"512": (2,), "256": (1,)}),
        *cases("k17_control", "switch_div", PLAIN, _switch, {"512": (512,), "301": (301,)}),
        *cases("k17_control", "virt_call", PLAIN, _virtual_call, blocks),
        *cases("k17_control", "printf_assert", PLAIN, _printf, launches),
        *cases("k17_control", "printf_assert", "the fault it must stop at", _stops, stopped),
        *cases("k17_control", "malloc_k", "distinct blocks", _malloc, {"64": (64,), "45": (45,)}),
    ]


def _pipe_primitives(rng: np.random.Generator, count: int, grid: int) -> Run:
    x = normal(rng, count, 4)
    return Run(grid, 128, [x, Blank(x.shape, np.float32), count], [Check(1, x * 2, 0)])


def _pipe_cuda(rng: np.random.Generator, length: int, block: int) -> Run:
    x = rng.integers(-1000, 1000, length).astype(np.int32)
    arguments = [x, Blank(x.shape, np.int32), length]
    return Run(1, block, arguments, [Check(1, x + 1, 0)], shared_bytes=2 * 4 * block)


def _barrier(rng: np.random.Generator, grid: int) -> Run:
    x = rng.integers(-1000, 1000, 256 * grid).astype(np.int32)
    expected = x.reshape(grid, 256)[:, ::-1].reshape(-1)
    return Run(grid, 256, [x, Blank(x.shape, np.int32)], [Check(1, expected, 0)])


def _collatz(v: int) -> int:
    steps = 0
    while v != 1 and steps < 1000:
        v, steps = (3 * v + 1 if v & 1 else v // 2), steps + 1
    return steps


def _fibonacci(n: int) -> int:
    return n if n < 2 else _fibonacci(n - 1) + _fibonacci(n - 2)


def _towards_zero(a: int, b: int) -> int:
    return abs(a) // b * (1 if a >= 0 else -1)


_ARMS: tuple[Callable[[int], int], ...] = (
    lambda v: v + 1,
    lambda v: v * 3,
    _collatz,
    lambda v: v ^ 55,
    lambda v: _towards_zero(v, 3),
    lambda v: v - 5 * _towards_zero(v, 5),
    lambda v: (v & 0xFFFFFFFF).bit_count(),
    lambda v: -v,
    lambda v: v << 2,
    lambda v: v >> 1,
    lambda v: v * v,
)


def _switch(rng: np.random.Generator, length: int) -> Run:
    x = rng.integers(-3000, 3000, length).astype(np.int32)
    x = np.where((x & 15) == 2, np.abs(x) + 4 & ~15 | 2, x).astype(np.int32)  # Collatz wants positive numbers
    expected = [_ARMS[v & 15](v) if (v & 15) < len(_ARMS) else _fibonacci(v & 7) for v in map(int, x)]
    check = Check(1, np.array(expected, np.int32), 0)
    return Run(ceil_div(length, 128), 128, [x, Blank(x.shape, np.int32), length], [check])


def _virtual_call(rng: np.random.Generator, grid: int, block: int) -> Run:
    index = np.arange(grid * block, dtype=np.float32)
    check = Check(0, np.where(np.arange(len(index)) & 1, index * 2, index + 3), 0)
    return Run(grid, block, [Blank(index.shape, np.float32), len(index)], [check])


def _printf(rng: np.random.Generator, threads: int, n: int) -> Run:
    y = rng.integers(0, 1000, threads).astype(np.int32)
    check = Check(0, (y & 63) * np.arange(threads, dtype=np.int32), 0)
    return Run(1, threads, [y, n], [check], printed=f"hello {n} 1.500000\n")


def _stops(rng: np.random.Generator, n: int, printed: str) -> Run:
    return Run(1, 64, [np.zeros(64, np.int32), n], [], printed=printed, fault="trap")


def _blocks(pointers: Values) -> Values:
    """How many pointers there are, how many are null, and whether any two are closer than the 64 bytes asked for."""
    gaps = np.diff(np.sort(pointers))
    return np.array([len(pointers), np.count_nonzero(pointers == 0), np.count_nonzero(gaps < 64)])


def _malloc(rng: np.random.Generator, threads: int) -> Run:
    check = Check(0, np.array([threads, 0, 0]), 0, view=_blocks)
    return Run(1, threads, [Blank((threads,), np.uint64)], [check])
