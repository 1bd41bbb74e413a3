"""The fragment tables of the PTX manual for mma: which element of a matrix each lane holds, in the manual's words.

A table maps (lane, i) to (row, column), where i counts the elements of a lane through all its registers.
https://docs.nvidia.com/cuda/parallel-thread-execution/#warp-level-matrix-instructions-for-mma
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Table = Callable[[int, int], tuple[int, int]]
LANES = 32


def a_table(bits: int, m: int, k: int) -> Table:
    """Matrix A by rows: `bits` of an element, m rows, k columns."""
    per_register = max(1, 32 // bits)  # elements of a lane that are neighbours in a row

    def place(lane: int, i: int) -> tuple[int, int]:
        group, thread = lane >> 2, lane % 4
        if m == 8:
            return group, thread * per_register + i
        row = group if (i // per_register) % 2 == 0 else group + 8
        column = thread * per_register + i % per_register
        # The manual: "+ 8" (f16), "+ 16" (s8), "+ 4" (tf32, f64) for the upper registers.
        upper = i // (2 * per_register)
        return row, column + upper * 4 * per_register

    return place


def b_table(bits: int) -> Table:
    """Matrix B by columns, eight of them."""
    per_register = max(1, 32 // bits)

    def place(lane: int, i: int) -> tuple[int, int]:
        group, thread = lane >> 2, lane % 4
        return thread * per_register + i % per_register + i // per_register * 4 * per_register, group

    return place


def c_table(lane: int, i: int) -> tuple[int, int]:
    """Accumulators of 8 columns: c0 c1 in row groupID, c2 c3 in row groupID + 8."""
    return (lane >> 2) + (0 if i < 2 else 8), lane % 4 * 2 + (i & 1)


def quad_a_table(layout: str) -> Table:
    """mma.m8n8k4 with f16: A of the quad pair that the lane belongs to."""

    def place(lane: int, i: int) -> tuple[int, int]:
        if layout == "row":
            return (lane % 4 if lane < 16 else lane % 4 + 4), i
        return (i % 4 if lane < 16 else i % 4 + 4), lane % 4

    return place


def quad_b_table(layout: str) -> Table:
    def place(lane: int, i: int) -> tuple[int, int]:
        if layout == "row":
            return lane % 4, (i if lane < 16 else i + 4)
        return i, (lane % 4 if lane < 16 else lane % 4 + 4)

    return place


def quad_c_table(kind: str) -> Table:
    def place(lane: int, i: int) -> tuple[int, int]:
        if kind == "f16":
            return (lane % 4 if lane < 16 else lane % 4 + 4), i
        x = (lane & 0b1) + (i & 0b10)
        return (x if lane < 16 else x + 4), (i & 0b100) + (lane & 0b10) + (i & 0b1)

    return place


def scatter(matrix: Array, table: Table, elements: int) -> Array:
    """Element i of each lane, as an array of shape (lanes, elements)."""
    return np.array([[matrix[table(lane, i)] for i in range(elements)] for lane in range(LANES)], matrix.dtype)


def gather(held: Array, table: Table, shape: tuple[int, int]) -> Array:
    """The matrix that the lanes hold together; an element that nobody holds fails the test."""
    matrix, seen = np.zeros(shape, held.dtype), np.zeros(shape, bool)
    for lane in range(held.shape[0]):
        for i in range(held.shape[1]):
            matrix[table(lane, i)] = held[lane, i]
            seen[table(lane, i)] = True
    assert seen.all()
    return matrix


def pack(held: Array, bits: int) -> Array:
    """Registers of each lane, shape (registers, lanes): 32-bit ones (64 for f64) with element 0 in the low bits."""
    if bits == 64:
        return np.ascontiguousarray(held.astype(np.uint64).T)
    per = 32 // bits
    words = np.zeros((held.shape[1] // per, LANES), np.uint64)
    for i in range(held.shape[1]):
        words[i // per] |= (held[:, i].astype(np.uint64) & np.uint64((1 << bits) - 1)) << np.uint64(i % per * bits)
    return words.astype(np.uint32)


def unpack(registers: Array, bits: int) -> Array:
    """The opposite of pack: shape (lanes, elements), as unsigned bits."""
    if bits == 64:
        return np.ascontiguousarray(registers.T)
    per = 32 // bits
    mask, count = np.uint32((1 << bits) - 1), len(registers) * per
    held = [registers[i // per] >> np.uint32(i % per * bits) & mask for i in range(count)]
    return np.stack(held, axis=1)
