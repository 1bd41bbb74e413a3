"""What a launch does: its instructions by class, its floating-point operations, and how many lanes take part.

A floating-point operation (FLOP) is counted as Nsight Compute does for its rooflines: an addition, subtraction or
product is one, a fused multiply-add two, of each lane and each packed element; a matrix instruction m x n x k is 2mnk
of its warp. Divisions, roots and exponentials are not counted.
https://docs.nvidia.com/nsight-compute/ProfilingGuide/#roofline-charts
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from kernelevo.diagnosis.access import opcode
from kernelevo.types import LineCounts

_OPERATIONS = {"add": 1, "sub": 1, "mul": 1, "fma": 2, "mad": 2}
_TYPES = {
    "f32": ("FP32", 1), "f32x2": ("FP32", 2), "f64": ("FP64", 1), "f16": ("FP16", 1), "bf16": ("FP16", 1),
    "f16x2": ("FP16", 2), "bf16x2": ("FP16", 2),
}  # fmt: skip
_SHAPE = re.compile(r"m(\d+)n(\d+)k(\d+)$")


def instruction_mix(counts: Mapping[str, int]) -> dict[str, int]:
    """Warp instructions by class, most first; classes that are not executed are left out."""
    mix = {name.partition(".")[2]: count for name, count in counts.items() if name.startswith("warp.") and count}
    return dict(sorted(mix.items(), key=lambda item: (-item[1], item[0])))


def slots_mix(counts: Mapping[str, int]) -> dict[str, int]:
    """Issue slots by class: machine instructions that those of a class are taken to become."""
    return {name.partition(".")[2]: count for name, count in counts.items() if name.startswith("slots.") and count}


def lanes(counts: Mapping[str, int]) -> float:
    """Active lanes of 32, on average over all warp instructions; 0 without instructions."""
    instructions = counts.get("warp_instructions", 0)
    return counts.get("thread_instructions", 0) / instructions if instructions else 0.0


def flop(lines: Iterable[LineCounts]) -> dict[str, int]:
    """FLOP by the units that do them: "FP32", "FP64", "FP16", "tensor"; units without any are left out."""
    total: Counter[str] = Counter()
    for line in lines:
        words = opcode(line.instruction)
        if words[:1] in (("mma",), ("wmma",)):
            total["tensor"] += line.warp_instructions * _matrix_flop(words)
        elif words and words[0] in _OPERATIONS and words[-1] in _TYPES:
            unit, elements = _TYPES[words[-1]]
            total[unit] += line.thread_instructions * elements * _OPERATIONS[words[0]]
    return {unit: count for unit, count in total.items() if count}


def _matrix_flop(words: tuple[str, ...]) -> int:
    """Of one warp. m8n8k4 of f16 is four products at once, one of each quad pair."""
    shape = next((found for found in map(_SHAPE.match, words) if found), None)
    if shape is None or (words[0] == "wmma" and words[1] != "mma"):
        return 0
    sizes = tuple(map(int, shape.groups()))
    products = 4 if sizes == (8, 8, 4) and words[0] == "mma" and "f64" not in words else 1
    return 2 * sizes[0] * sizes[1] * sizes[2] * products
