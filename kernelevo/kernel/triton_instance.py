"""One specialisation of a Triton kernel: what is compiled, as one line of text that can be read back.

    softmax(x: *fp32 % 16, n: i32, stride = 1, BLOCK = 1024, ACT = default) num_warps=4 num_stages=3

A run-time parameter has a type, and `% 16` where its value (of a pointer: its address) is divisible by 16. One with a
value is a constant of the compile, `default` the value that the text gives it. Plans, build requests and images all
name a kernel by this line, as they name `softmax<256>` in C++.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DIVISOR = 16
"""What Triton's JIT tests values and addresses for (`tt.divisibility`)."""


@dataclass(frozen=True)
class InstanceParameter:
    """Either a type (`*fp32`, `i32`), perhaps divisible, or a constant `value`; None is the text's own default."""

    name: str
    type: str | None
    divisible: bool
    value: int | None

    def __str__(self) -> str:
        if self.type is None:
            return f"{self.name} = {'default' if self.value is None else self.value}"
        return f"{self.name}: {self.type}{f' % {DIVISOR}' if self.divisible else ''}"


@dataclass(frozen=True)
class Instance:
    """See the module."""

    kernel: str
    parameters: tuple[InstanceParameter, ...]
    num_warps: int
    num_stages: int

    def __str__(self) -> str:
        inside = ", ".join(map(str, self.parameters))
        return f"{self.kernel}({inside}) num_warps={self.num_warps} num_stages={self.num_stages}"


_INSTANCE = re.compile(r"(\w+)\((.*)\) num_warps=(\d+) num_stages=(\d+)")
_PARAMETER = re.compile(r"(\w+)(?:: (\*?\w+)( % 16)?| = (-?\d+|default))")


def read_instance(text: str) -> Instance:
    """The instance that `str` wrote; raises ValueError for any other text."""
    found = _INSTANCE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} names no specialisation of a Triton kernel")
    kernel, inside, num_warps, num_stages = found.groups()
    parameters = tuple(_parameter(part) for part in inside.split(", ") if part)
    return Instance(kernel, parameters, int(num_warps), int(num_stages))


def _parameter(text: str) -> InstanceParameter:
    found = _PARAMETER.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no parameter of a Triton kernel")
    name, kind, divisible, value = found.groups()
    return InstanceParameter(name, kind, divisible is not None, None if value in (None, "default") else int(value))
