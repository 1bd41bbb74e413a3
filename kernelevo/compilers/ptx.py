"""The head of each kernel in PTX text: its name and its parameters.

https://docs.nvidia.com/cuda/parallel-thread-execution/#kernel-and-function-directives-entry
The text comes from a jailed compiler that met hostile text: the patterns are bounded and cannot backtrack far. A
candidate's inline assembly stands in it word for word, with whatever looks like a kernel in its comments, strings and
extra functions: those are skipped, and only the kernels that the plan names are read.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from kernelevo.types import Parameter

_ENTRY = re.compile(r"\.entry\s+(?P<name>[A-Za-z_$%][\w$%]{0,4095})\s*(?:\((?P<parameters>[^(){}]{0,65536})\))?")
_PARAMETER = re.compile(
    r"\s*\.param(?:\s+\.align\s+(?P<align>\d{1,4}))?\s+\.(?P<type>[a-z]+\d{1,4})"
    r"(?:\s+\.ptr(?:\s+\.[a-z]+)?(?:\s+\.align\s+\d{1,4})?)?"
    r"\s+[A-Za-z_$%][\w$%]{0,4095}\s*(?:\[(?P<count>\d{1,6})\])?\s*"
)


_UNREAD = re.compile(r'//[^\n]*|/\*.*?(?:\*/|\Z)|"[^"]*"?', re.DOTALL)


def entry_parameters(ptx: str, wanted: Collection[str] = ()) -> dict[str, tuple[Parameter, ...]]:
    """The parameters of the kernels whose symbols are `wanted` (none: of every kernel) by symbol, with offsets in bytes
    by natural alignment. Raises ValueError.
    """
    entries = _ENTRY.finditer(_UNREAD.sub(" ", ptx))
    return {
        entry["name"]: _parameters(entry["name"], entry["parameters"] or "")
        for entry in entries
        if not wanted or entry["name"] in wanted
    }


def _parameters(kernel: str, text: str) -> tuple[Parameter, ...]:
    parameters = []
    offset = 0
    for declaration in text.split(",") if text.strip() else []:
        found = _PARAMETER.fullmatch(declaration)
        if not found:
            raise ValueError(f"kernel {kernel} has a parameter that is not understood: {declaration.strip()[:100]}")
        element = int(found["type"].lstrip("abcdefghijklmnopqrstuvwxyz")) // 8
        size = element * int(found["count"] or 1)
        align = max(1, int(found["align"] or element))
        offset = -(-offset // align) * align
        parameters.append(Parameter(found["type"], offset, size))
        offset += size
    return tuple(parameters)
