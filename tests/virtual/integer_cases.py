"""An integer instruction, what it must compute in Python's integers, and the comparison bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import elementwise
import operands


@dataclass(frozen=True)
class Case:
    """An instruction, the types of its operands a, b, c, e and result, and what it must compute (None: unspecified)."""

    instruction: str
    kinds: tuple[str, ...]
    result: str
    expected: Callable[..., int | None]

    def __str__(self) -> str:
        return self.instruction.split()[0]


def bits_of(kind: str) -> int:
    return elementwise.bits_dtype(kind).itemsize * 8


def check(case: Case, columns: operands.Columns) -> None:
    inputs = {
        name: (kind, operands.as_array(kind, column))
        for name, kind, column in zip("abce", case.kinds, columns, strict=False)
    }
    got = elementwise.run(case.instruction, case.result, **inputs)
    mask = (1 << bits_of(case.result)) - 1
    for result, *bits in zip(got.tolist(), *columns, strict=True):
        values = [operands.signed(kind, value) for kind, value in zip(case.kinds, bits, strict=True)]
        expected = case.expected(*values)
        if expected is not None:
            got_bits, wanted = result & mask, expected & mask
            assert got_bits == wanted, (case.instruction, values, hex(got_bits), hex(wanted))
