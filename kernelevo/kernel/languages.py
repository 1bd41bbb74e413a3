"""The languages of kernel files, by the end of the file's name: how a plan is read, and how values are written.

`softmax.cu` is CUDA C++, `softmax.triton.py` is Triton. A part asks here and never looks at a name itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kernelevo.errors import BadInput
from kernelevo.kernel.plan import Plan
from kernelevo.kernel.pragmas import read_plan
from kernelevo.kernel.triton_plan import read_triton_plan, with_starts

ReadPlan = Callable[[str, str, Mapping[str, int] | None], Plan]


@dataclass(frozen=True)
class Language:
    """`read_plan` takes text, file name and values of tuned names; `with_values` writes such values into the text;
    `comment` begins a comment that ends with its line; `tune` is how a tune line begins; `tuned` is what it tunes.
    """

    name: str
    suffix: str
    comment: str
    tune: str
    tuned: str
    read_plan: ReadPlan
    with_values: Callable[[str, Mapping[str, int]], str]


def with_macros(text: str, values: Mapping[str, int]) -> str:
    """Replaces the default of each `#define NAME ...`, or puts a definition first."""
    for name, value in sorted(values.items()):
        pattern = re.compile(rf"^([ \t]*#[ \t]*define[ \t]+{re.escape(name)}[ \t]+)[^\n]*$", re.MULTILINE)
        if pattern.search(text):
            text = pattern.sub(lambda match, value=value: f"{match[1]}{value}", text, count=1)
        else:
            text = f"#define {name} {value}\n{text}"
    return text


CUDA = Language("CUDA C++", ".cu", "//", "#pragma kernelevo tune", "macro", read_plan, with_macros)
TRITON = Language("Triton", ".triton.py", "#", "# kernelevo: tune", "name", read_triton_plan, with_starts)


def language_of(path: Path) -> Language:
    """By the file's name; any name that is not Triton's is CUDA's. Raises BadInput for another Python file."""
    if path.name.endswith(TRITON.suffix):
        return TRITON
    if path.suffix == ".py":
        raise BadInput(f"{path} is a Python file; a Triton kernel's name ends in {TRITON.suffix}, so rename it")
    return CUDA
