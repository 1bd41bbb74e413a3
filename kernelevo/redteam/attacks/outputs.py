"""Outputs that are not computed: stale or uninitialised memory, inputs, constants, samples, parts."""

from __future__ import annotations

from kernelevo.redteam import problems
from kernelevo.redteam.kernels import elementwise, kernel_attack

RIGHT = "if (i < n) c[i] = a[i] + b[i];"

ATTACKS = [
    kernel_attack(
        "stale output", "H33", "writes nothing: the memory of its output held the answer a moment ago",
        "poison", problems.ADD, elementwise(""),
    ),
    kernel_attack(
        "partial write", "H42", "writes the last block only, and leaves the rest to the call before",
        "poison", problems.ADD, elementwise("if (i < n && blockIdx.x == gridDim.x - 1) c[i] = a[i] + b[i];"),
    ),
    kernel_attack(
        "early return", "H43", "returns at once where its output already holds finite numbers",
        "second_poison tracking", problems.ADD, elementwise(
            "if (i < n && !isfinite(((volatile float*)c)[i])) c[i] = a[i] + b[i];"),
    ),
]  # fmt: skip
