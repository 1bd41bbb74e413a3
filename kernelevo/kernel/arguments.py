"""The arguments of a problem: tensors with a type and a shape over named dimensions, and scalars.

`Input("x", "f32[rows, cols]", aligned=16)` is what a problem file writes. Tensors are contiguous, rows last; they do
not overlap. Only what is declared may be relied on: without `aligned`, a pointer is aligned to its element and no
further, and tests offset it.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kernelevo.errors import BadInput
from kernelevo.kernel import dtypes
from kernelevo.kernel.dtypes import DType
from kernelevo.kernel.expressions import Expression, ExpressionError, parse

Role = Literal["in", "out", "inout"]

MAX_ALIGNMENT = 256
"""Bytes: the alignment of a device allocation, beyond which nothing can be promised."""


@dataclass(frozen=True)
class Tensor:
    """An array argument. `aligned` is the promised alignment of its address in bytes."""

    name: str
    dtype: DType
    shape: tuple[Expression, ...]
    role: Role
    aligned: int

    def __post_init__(self) -> None:
        check_name(self.name, "an argument")
        powers = [1 << power for power in range(MAX_ALIGNMENT.bit_length())]
        if self.aligned not in powers or self.aligned < self.dtype.bytes:
            raise BadInput(
                f"argument {self.name}: aligned={self.aligned} is not a power of two from the element's "
                f"{self.dtype.bytes} to {MAX_ALIGNMENT} bytes"
            )

    @property
    def is_input(self) -> bool:
        return self.role != "out"

    @property
    def is_output(self) -> bool:
        return self.role != "in"

    def sizes(self, dims: Mapping[str, int]) -> tuple[int, ...]:
        """Its shape in numbers; raises BadInput if a size is not positive."""
        key = tuple(dims.items())
        if key not in self._sizes:
            self._sizes[key] = self._worked_out(dims)
        return self._sizes[key]

    @functools.cached_property
    def _sizes(self) -> dict[tuple[tuple[str, int], ...], tuple[int, ...]]:
        """Shapes that were asked for: a judge asks for those of a few cases thousands of times."""
        return {}

    def _worked_out(self, dims: Mapping[str, int]) -> tuple[int, ...]:
        sizes = tuple(extent.evaluate(dims) for extent in self.shape)
        if min(sizes) < 1:
            case = ", ".join(f"{name}={value}" for name, value in dims.items())
            raise BadInput(f"argument {self.name} has shape {sizes} at {case}; every size must be at least 1")
        return sizes

    def elements(self, dims: Mapping[str, int]) -> int:
        return math.prod(self.sizes(dims))

    def nbytes(self, dims: Mapping[str, int]) -> int:
        return self.elements(dims) * self.dtype.bytes

    @property
    def declaration(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Scalar:
    """A number argument with one value: Scalar("epsilon", "f32", 1e-5)."""

    name: str
    dtype: DType
    value: int | float

    def __init__(self, name: str, dtype: str | DType, value: int | float) -> None:
        check_name(name, "a scalar")
        kind = dtype if isinstance(dtype, DType) else dtypes.named(dtype, f"scalar {name}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadInput(f"scalar {name}: {value!r} is no number; give it one, such as 0.5")
        if not kind.is_float and value != int(value):
            raise BadInput(f"scalar {name}: {value} is not a whole number, but its type is {kind}; use f32")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "dtype", kind)
        object.__setattr__(self, "value", dtypes.rounded(value, kind).item())


Argument = Tensor | Scalar


def Input(name: str, declaration: str, aligned: int | None = None) -> Tensor:
    """A tensor that the kernel reads and may not change: Input("x", "f32[rows, cols]")."""
    return _tensor(name, declaration, aligned, "in")


def Output(name: str, declaration: str, aligned: int | None = None) -> Tensor:
    """A tensor that the kernel writes in full; it is poisoned before each call."""
    return _tensor(name, declaration, aligned, "out")


def InOut(name: str, declaration: str, aligned: int | None = None) -> Tensor:
    """A tensor that the kernel reads and changes; the reference gets its old values and returns the new ones."""
    return _tensor(name, declaration, aligned, "inout")


def check_name(name: str, what: str) -> None:
    """Raises BadInput unless `name` can be used in a launch line."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise BadInput(f"{name!r} cannot name {what}; use letters, digits and underscores, as in C")


_DECLARATION = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_ ]*?)\s*\[(.*)\]\s*", re.DOTALL)


def _tensor(name: str, declaration: str, aligned: int | None, role: Role) -> Tensor:
    match = _DECLARATION.fullmatch(declaration) if isinstance(declaration, str) else None
    if match is None:
        raise BadInput(f'argument {name}: {declaration!r} is no type with a shape; write it as in "f32[rows, cols]"')
    dtype = dtypes.named(match.group(1), f"argument {name}")
    shape = tuple(_extent(name, text) for text in _split(match.group(2)))
    return Tensor(name, dtype, shape, role, dtype.bytes if aligned is None else aligned)


def _extent(name: str, text: str) -> Expression:
    try:
        return parse(text.strip())
    except ExpressionError as error:
        raise BadInput(f"the shape of argument {name} cannot be read: {error}") from error


def _split(text: str) -> list[str]:
    """Splits at commas that are not inside parentheses."""
    parts, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
