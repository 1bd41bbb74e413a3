"""What the families write with: names, block sizes, loads through chains of maps, and the file around a kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from kernelevo.backends.kernels.generated.maps import Map, Pool
from kernelevo.kernel.arguments import Argument, Input, Output, Tensor
from kernelevo.kernel.distributions import integers, normal, uniform

_KERNELS = ("apply", "compute", "step", "process", "transform", "pass_over", "evaluate", "run_it")
_INPUTS = ("x", "in", "src", "data", "u")
_OUTPUTS = ("y", "out", "dst", "result", "w")


@dataclass(frozen=True)
class Draft:
    """One problem as a family writes it. `small` are sizes to be tested in a search, `dims` those that are timed;
    where `small` is empty the usual edge sizes are tested.
    """

    style: str
    text: str
    arguments: tuple[Argument, ...]
    reference: Callable[..., Any]
    dims: str
    small: tuple[str, ...]


@dataclass(frozen=True)
class Pen:
    """What a family draws from."""

    rng: Random
    pool: Pool

    def pick(self, *choices: Any) -> Any:
        return self.rng.choice(choices)

    def names(self) -> tuple[str, str, str]:
        """Names of the kernel, of an input and of an output."""
        return self.rng.choice(_KERNELS), self.rng.choice(_INPUTS), self.rng.choice(_OUTPUTS)

    def block(self) -> tuple[str, str]:
        """Lines for the top of the file, and what the block size is called: a tuned macro, a macro, or a number."""
        size = self.rng.choice((32, 64, 128, 256))
        kind = self.rng.choice(("tuned", "tuned", "macro", "number"))
        if kind == "number":
            return "", str(size)
        if kind == "macro":
            return f"#define BLOCK {size}\n", "BLOCK"
        return f"#ifndef BLOCK\n#define BLOCK {size}\n#endif\n#pragma kernelevo tune BLOCK 32 64 128 256\n", "BLOCK"

    def elements(self) -> int:
        """About as many as an input should have: enough that it is not all launching, few enough to be quick."""
        return self.rng.choice((1 << 18, 3 << 17, 1 << 19, 3 << 18))

    def plane(self, large: bool = False) -> tuple[int, int]:
        """Rows and columns; the columns are a multiple of 4 mostly. `large` where the start keeps the device busy."""
        cols = self.rng.choice((128, 192, 256, 320, 500, 512, 768, 1000, 1023))
        if large:
            return self.rng.choice((3 << 19, 1 << 21)) // cols, cols
        rows = self.rng.choice((512, 768, 1000, 1024, 2048))
        return min(rows, max(256, (1 << 20) // cols)), cols


def value_of(rng: Random, maps: Sequence[Map], load: str, indent: str) -> tuple[str, str]:
    """Statements that take a load through maps, and the expression of the result: one statement a map, or nested."""
    if rng.random() < 0.5 and all(each.text.count("{v}") == 1 for each in maps):
        nested = load
        for each in maps:
            nested = each.of(f"({nested})" if nested is not load else nested)
        return "", f"({nested})" if maps else nested
    lines = [f"{indent}float v = {load};\n"]
    lines += [f"{indent}v = {each.of('v')};\n" for each in maps]
    return "".join(lines), "v"


def shaped(rng: Random, maps: Sequence[Map], load: str) -> tuple[str, str]:
    """A device function for the top of the file ("" if maps can be nested, and are), and the load through the maps."""
    nested = all(each.text.count("{v}") == 1 for each in maps)
    lines, value = value_of(rng, maps, load, "    ") if nested else ("needed", "")
    if not lines:
        return "", value
    body = "".join(f"    v = {each.of('v')};\n" for each in maps)
    return f"__device__ float shaped(float v)\n{{\n{body}    return v;\n}}\n\n", f"shaped({load})"


def kernel(name: str, parameters: str, body: str, block: str, launch: str, zero: str = "") -> str:
    """The file: macros, the plan, and one kernel. `launch` is the plan's line behind the kernel's name."""
    cleared = f"#pragma kernelevo zero {zero}\n" if zero else ""
    head = f"{block}{cleared}#pragma kernelevo launch {name}{launch}\n\n"
    return f'{head}extern "C" __global__ void {name}({parameters})\n{{\n{body}}}\n'


def given(name: str, shape: str) -> Tensor:
    return Input(name, f"f32[{shape}]", aligned=16)


def made(name: str, shape: str) -> Tensor:
    return Output(name, f"f32[{shape}]", aligned=16)


DISTRIBUTIONS = (normal(), uniform(0.0, 1.0), integers())
"""Of every input; the first is what is timed."""
PLANES = ("rows=1, cols=1", "rows=33, cols=36", "rows=70, cols=129", "rows=130, cols=64")
ITEMS = ("n=1", "n=1000", "n=4099")
