"""Random Triton programs on blocks of i32, each with its NumPy twin.

A program is a list of assignments; every step is written twice, once in Triton and once in NumPy, with the integers
wrapping at 32 bits. Reductions, scans, sorts, transposes and gathers make the compiler move data between lanes, warps
and shared memory; branches and loops on values of the block make control flow. Everything is exact.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

_ELEMENTWISE = (
    ("{a} + {b}", "wrap({a} + {b})"),
    ("{a} - {b}", "wrap({a} - {b})"),
    ("{a} * {b}", "wrap({a} * {b})"),
    ("{a} & {b}", "{a} & {b}"),
    ("{a} | {b}", "{a} | {b}"),
    ("{a} ^ {b}", "{a} ^ {b}"),
    ("{a} << {shift}", "wrap({a} << {shift})"),
    ("{a} >> {shift}", "{a} >> {shift}"),
    (
        "({a}.to(tl.uint32, bitcast=True) >> {shift}).to(tl.int32, bitcast=True)",
        "wrap(({a} & 0xffffffff) >> {shift})",
    ),
    ("({a}.to(tl.int64) * {b}.to(tl.int64) >> {shift}).to(tl.int32)", "wrap({a} * {b} >> {shift})"),
    ("tl.minimum({a}, {b})", "np.minimum({a}, {b})"),
    ("tl.maximum({a}, {b})", "np.maximum({a}, {b})"),
    ("tl.where({a} < {b}, {a}, {b} + {number})", "np.where({a} < {b}, {a}, wrap({b} + {number}))"),
    ("{a} // {number}", "wrap(quotient({a}, {number}))"),
    ("{a} % {number}", "{a} - quotient({a}, {number}) * {number}"),
    ("{a}.to(tl.int8).to(tl.int32)", "{a}.astype(np.int8).astype(np.int64)"),
    ("{a}.to(tl.uint16).to(tl.int32)", "{a}.astype(np.uint16).astype(np.int64)"),
    ("({a} & 0xffff).to(tl.float32).to(tl.int32)", "{a} & 0xffff"),
    ("(({a} & 0x7ff).to(tl.float16) * 0.5).to(tl.int32)", "({a} & 0x7ff) // 2"),
    ("({a} & 0xff).to(tl.bfloat16).to(tl.int32)", "{a} & 0xff"),
    ("(({a}.to(tl.float64) + {b}.to(tl.float64)) * 0.25).to(tl.int32)", "quotient({a} + {b}, 4)"),
)  # fmt: skip
_ACROSS = (
    ("tl.cumsum({a}, 0)", "wrap(np.cumsum({a}, 0))"),
    ("tl.cumsum({a}, 1)", "wrap(np.cumsum({a}, 1))"),
    ("tl.cumsum({a}, 1, reverse=True)", "wrap(np.cumsum({a}[:, ::-1], 1))[:, ::-1]"),
    ("{a} + tl.sum({b}, 1)[:, None]", "wrap({a} + {b}.sum(1)[:, None])"),
    ("{a} ^ tl.max({b}, 0)[None, :]", "{a} ^ {b}.max(0)[None, :]"),
    ("{a} - tl.min({b}, 1)[:, None]", "wrap({a} - {b}.min(1)[:, None])"),
    ("{a} ^ tl.xor_sum({b}, 1)[:, None]", "{a} ^ np.bitwise_xor.reduce({b}, 1)[:, None]"),
    ("{a} + tl.argmax({b}, 1)[:, None]", "wrap({a} + {b}.argmax(1)[:, None])"),
    ("{a} + tl.argmin({b}, 0)[None, :]", "wrap({a} + {b}.argmin(0)[None, :])"),
    ("{a} + tl.sum(tl.sum({b}, 1), 0)", "wrap({a} + {b}.sum())"),
    ("tl.sort({a}, 1)", "np.sort({a}, 1)"),
    ("tl.sort({a}, 1, descending=True)", "np.sort({a}, 1)[:, ::-1]"),
    ("tl.flip({a}, 1)", "{a}[:, ::-1]"),
    ("tl.reshape(tl.trans({a}), [ROWS, COLS])", "{a}.T.reshape(ROWS, COLS)"),
    (
        "tl.reshape(tl.trans(tl.reshape({a}, [COLS, ROWS])), [ROWS, COLS])",
        "{a}.reshape(COLS, ROWS).T.reshape(ROWS, COLS)",
    ),
    ("tl.gather({a}, {b} & (COLS - 1), 1)", "np.take_along_axis({a}, {b} & (COLS - 1), 1)"),
    ("tl.gather({a}, {b} & (ROWS - 1), 0)", "np.take_along_axis({a}, {b} & (ROWS - 1), 0)"),
    ("tl.split(tl.join({a}, {b}))[1]", "{b}"),
)  # fmt: skip
_CONTROL = (
    (
        "{a}\nfor turn in range({count} + program):\n    {new} = {new} * 3 + {b} + turn",
        "{a}\nfor turn in range({count} + program):\n    {new} = wrap({new} * 3 + {b} + turn)",
    ),
    (
        "{a}\nleft = tl.sum(tl.sum({a} & 3, 1), 0) & 15\n"
        "while left > 0:\n    {new} = {new} ^ ({b} + left)\n    left = left - (left >> 1) - 1",
        "{a}\nleft = int(({a} & 3).sum()) & 15\n"
        "while left > 0:\n    {new} = {new} ^ wrap({b} + left)\n    left = left - (left >> 1) - 1",
    ),
    (
        "{a}\nif tl.max(tl.max({b}, 1), 0) > tl.max(tl.max({a}, 1), 0):\n"
        "    {new} = {b} + 1\nelse:\n    {new} = {a} - 1",
        "{a}\nif {b}.max() > {a}.max():\n    {new} = wrap({b} + 1)\nelse:\n    {new} = wrap({a} - 1)",
    ),
)  # fmt: skip
_KINDS = ((_ELEMENTWISE, 8), (_ACROSS, 8), (_CONTROL, 3))
_OUTPUTS, PROGRAMS = 3, 2

_HEAD = """import triton
import triton.language as tl


@triton.jit
def kernel(x, out, ROWS: tl.constexpr, COLS: tl.constexpr):
    program = tl.program_id(0)
    at = tl.arange(0, ROWS)[:, None] * COLS + tl.arange(0, COLS)[None, :]
    v0 = tl.load(x + program * 2 * ROWS * COLS + at)
    v1 = tl.load(x + (program * 2 + 1) * ROWS * COLS + at)
"""


@dataclass(frozen=True)
class Program:
    """`text` is a Triton module with `kernel(x, out, ROWS, COLS)`, `twin` the same steps in NumPy on v0 and v1."""

    rows: int
    cols: int
    text: str
    twin: str
    results: tuple[str, ...]

    def expected(self, x: Array) -> Array:
        """The outputs for inputs of shape (PROGRAMS, 2, rows, cols)."""
        outputs = np.empty((PROGRAMS, _OUTPUTS, self.rows, self.cols), np.int32)
        for program in range(PROGRAMS):
            v0, v1 = x[program].astype(np.int64)
            names = {"np": np, "wrap": _wrap, "quotient": _quotient, "ROWS": self.rows, "COLS": self.cols}
            names |= {"program": program, "v0": v0, "v1": v1}
            exec(self.twin, names)
            for index, name in enumerate(self.results):
                outputs[program, index] = names[name]
        return outputs


def random_program(seed: int) -> Program:
    choose = random.Random(seed)
    triton, numpy, names = [], [], ["v0", "v1"]
    for _ in range(choose.randint(4, 12)):
        table = choose.choices([kind for kind, _ in _KINDS], [weight for _, weight in _KINDS])[0]
        left, right = choose.choice(table)
        new = f"v{len(names)}"
        words = {"a": choose.choice(names), "b": choose.choice(names), "new": new}
        words |= {"shift": choose.randint(0, 31), "number": choose.choice([1, 3, 7, 10, 100, 12345, -5])}
        words["count"] = choose.randint(1, 5)
        triton.append(f"{new} = {left.format(**words)}")
        numpy.append(f"{new} = {right.format(**words)}")
        names.append(new)
    results = tuple(names[-_OUTPUTS:])
    stores = [
        f"tl.store(out + (program * {_OUTPUTS} + {index}) * ROWS * COLS + at, {name})"
        for index, name in enumerate(results)
    ]
    body = "\n".join([*triton, *stores]).replace("\n", "\n    ")
    sizes = choose.choice([1, 2, 4, 8, 16, 32]), choose.choice([16, 32, 64, 128])
    return Program(*sizes, f"{_HEAD}    {body}\n", "\n".join(numpy), results)


def _wrap(values: Array) -> Array:
    return np.asarray(values).astype(np.int32).astype(np.int64)


def _quotient(values: Array, divisor: int) -> Array:
    """Rounded towards zero, as C divides."""
    size = np.abs(values) // abs(divisor)
    return np.where((values < 0) == (divisor < 0), size, -size)
