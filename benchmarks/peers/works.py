"""The work that every peer does: four kernels at two sizes, with their inputs and what NumPy says in float64.

LARGE is for whoever executes a million elements in seconds; SMALL is for a peer that executes thousands of them.
Needs NumPy only, because peers import it in environments of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float32]]
Values = Mapping[str, Array | int | float]
THREADS = 256


@dataclass(frozen=True)
class Work:
    """One launch. `values` are the kernel's parameters in their order, and `output` names the one that holds the result
    and starts as it is given there; `amount` of `unit` are done, whoever does it.
    """

    kernel: str
    shape: str
    grid: tuple[int, int]
    block: tuple[int, int]
    values: Values
    output: str
    expected: Array
    amount: int
    unit: str

    @property
    def name(self) -> str:
        return f"{self.kernel}-{self.shape}"

    def check(self, peer: str, got: Array) -> None:
        """Raises AssertionError where the result is not NumPy's: sums of floats may be taken in any order."""
        message = f"{peer} computes {self.name} wrongly; a rate of wrong results is no rate"
        np.testing.assert_allclose(got, self.expected, rtol=2e-5, atol=1e-7, err_msg=message)


def large() -> list[Work]:
    return [saxpy(1 << 20), softmax(256, 1024), sgemm(128), reduction(256, 4096)]


def small() -> list[Work]:
    return [saxpy(1 << 14), softmax(4, 512), sgemm(64), reduction(4, 1024)]


def one_block() -> Work:
    """Next to no work: what a launch costs by itself."""
    return saxpy(THREADS)


def saxpy(n: int) -> Work:
    x, y = _positive(1, n), _positive(2, n)
    expected = np.float32(0.5) * x + y
    values = {"a": 0.5, "x": x, "y": y, "n": n}
    return Work("saxpy", str(n), (n // THREADS, 1), (THREADS, 1), values, "y", expected, n, "elements")


def softmax(rows: int, cols: int) -> Work:
    """A row for each block."""
    x = np.random.default_rng(3).standard_normal((rows, cols), np.float32)
    weights = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    expected = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    values = {"x": x, "y": np.zeros_like(x), "cols": cols}
    return Work("softmax", f"{rows}x{cols}", (rows, 1), (THREADS, 1), values, "y", expected, rows * cols, "elements")


def sgemm(size: int) -> Work:
    """An element of C for each thread, everything from global memory."""
    a, b = _positive(4, size, size), _positive(5, size, size)
    expected = (a.astype(np.float64) @ b.astype(np.float64)).astype(np.float32)
    values = {"a": a, "b": b, "c": np.zeros_like(a), "m": size, "n": size, "k": size}
    blocks = (size // 16, size // 16)
    return Work("sgemm_naive", f"{size}x{size}x{size}", blocks, (16, 16), values, "c", expected, 2 * size**3, "FLOP")


def reduction(blocks: int, length: int) -> Work:
    """The sum of `length` neighbours for each block."""
    x = _positive(6, blocks, length)
    expected = x.sum(axis=1, dtype=np.float64).astype(np.float32)
    values = {"x": x, "sums": np.zeros(blocks, np.float32), "length": length}
    shape = f"{blocks}x{length}"
    return Work("reduction", shape, (blocks, 1), (THREADS, 1), values, "sums", expected, blocks * length, "elements")


def _positive(seed: int, *shape: int) -> Array:
    """Values in [1, 2): sums do not cancel, so a relative tolerance holds in any order of summation."""
    return np.random.default_rng(seed).random(shape, np.float32) + np.float32(1)
