"""The launch plan: what the `#pragma kernelevo` lines of a CUDA file, or the `# kernelevo:` lines of a Triton file say.

These are the nouns; `pragmas.py` and `triton_plan.py` read them.

A plan is declarative: no host code of a candidate ever runs. Steps happen in the order of their lines. A group is a run
of guarded launches closed by the next unguarded one; the first launch of a group whose guard holds is taken, and a
group whose guards all fail breaks a rule unless an unguarded launch closes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kernelevo.kernel.expressions import Expression

VERSION = 1
"""Version of the plan's grammar; a file may state it with `#pragma kernelevo plan 1`."""


@dataclass(frozen=True)
class TritonCall:
    """What a launch of a Triton kernel says besides: `names` are the kernel's run-time parameters, one for each of the
    launch's arguments; `constants` the values of its `tl.constexpr` parameters (None: the text's own default).
    """

    names: tuple[str, ...]
    constants: Mapping[str, Expression | None]
    num_warps: Expression
    num_stages: Expression


@dataclass(frozen=True)
class LaunchLine:
    """`launch kernel<<<grid, block, shared>>>(arguments) when(guard) cooperative cluster(x, y, z)`.

    `kernel` is spelled as in C++ (`softmax`, `softmax<BLOCK>`); arguments are names of buffers, dimensions or
    scalars, or integer expressions. With `triton` (`launch kernel[grid](arguments, NAME=value)`), `kernel` is the
    name of a `@triton.jit` function, which is specialised anew for each case, and other sizes are as it implies.
    """

    kernel: str
    grid: tuple[Expression, Expression, Expression]
    block: tuple[Expression, Expression, Expression]
    shared: Expression
    arguments: tuple[Expression, ...]
    guard: Expression | None
    cooperative: bool
    cluster: tuple[Expression, Expression, Expression] | None
    line: int
    triton: TritonCall | None = None


@dataclass(frozen=True)
class ZeroLine:
    """`zero NAME`: every byte of the buffer is cleared, each call, inside the timed region."""

    buffer: str
    line: int


@dataclass(frozen=True)
class TempLine:
    """`temp float partial[rows * 8]`: scratch that the evaluator allocates, poisoned."""

    name: str
    dtype: str
    elements: Expression
    line: int


@dataclass(frozen=True)
class TuneLine:
    """`tune BLOCK 64 128 256`: the values that the macro may take. The start is the file's own `#ifndef` default, or
    what follows `=` in a Triton file.
    """

    macro: str
    values: tuple[int, ...]
    line: int


@dataclass(frozen=True)
class Plan:
    """All pragma lines of one kernel file."""

    steps: tuple[LaunchLine | ZeroLine, ...]
    temps: tuple[TempLine, ...] = ()
    tunes: tuple[TuneLine, ...] = ()
    macros: Mapping[str, int] = field(default_factory=dict)
    """Values of tuned names and of plain integer `#define`s of the file, as the plan's expressions see them."""
