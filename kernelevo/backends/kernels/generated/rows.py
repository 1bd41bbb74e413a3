"""Rows of a plane: one number for each row, and rows changed by a number that all of the row went into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelevo.backends.kernels.generated.drafting import PLANES, Draft, Pen, given, kernel, made, value_of
from kernelevo.backends.kernels.generated.maps import exact_chain


@dataclass(frozen=True)
class Fold:
    """How numbers become one: `start` its first value, `step` the statement for a value, `exact` along axis 1."""

    start: str
    step: str
    exact: Callable[[Any], Any]


SUM = Fold("0.0f", "{s} += {v};", lambda values: values.sum(axis=1))
LARGEST = Fold("-3.0e38f", "{s} = fmaxf({s}, {v});", lambda values: values.max(axis=1))
SMALLEST = Fold("3.0e38f", "{s} = fminf({s}, {v});", lambda values: values.min(axis=1))


def row_fold(pen: Pen) -> Draft:
    """y[r] = fold of f(x[r, c]), the number scaled by the row's length or not; a thread, or a block of one, a row."""
    style = pen.pick("per_thread", "per_thread", "pointer", "single_blocks")
    fold, maps = pen.pick(SUM, SUM, LARGEST, SMALLEST), pen.pool.chain(pen.rng, 2)
    mean = fold is SUM and pen.pick(True, False)
    name, x, y = pen.names()
    rows, cols = pen.plane()
    opening, load, block, launch = _row(pen, style, x)
    lines, value = value_of(pen.rng, maps, load, " " * 8)
    body = (
        f"{opening}    float total = {fold.start};\n    for (int c = 0; c < cols; c++) {{\n{lines}"
        f"        {fold.step.format(s='total', v=value)}\n    }}\n    {y}[r] = total{' / cols' if mean else ''};\n"
    )
    parameters = f"const float* {x}, float* {y}, int rows, int cols"
    text = kernel(name, parameters, body, block, f"{launch}({x}, {y}, rows, cols)")

    def reference(first):  # type: ignore[no-untyped-def]
        folded = fold.exact(exact_chain(maps, first))
        return folded / first.shape[1] if mean else folded

    shapes = (given(x, "rows, cols"), made(y, "rows"))
    return Draft(style, text, shapes, reference, f"rows={rows}, cols={cols}", PLANES)


def row_map(pen: Pen) -> Draft:
    """y[r, c] = g(x[r, c], s), s the fold of f over the row: divided by it, shifted by it, or scaled by its root."""
    style = pen.pick("per_thread", "per_thread", "pointer", "single_blocks")
    name, x, y = pen.names()
    rows, cols = pen.plane()
    kind = pen.pick("share", "shift", "scale")
    weight, chain = pen.pool.maps[pen.pool.weight], pen.pool.chain(pen.rng, 1)
    maps = {"share": [weight], "shift": chain, "scale": pen.pool.maps[4:5]}[kind]
    fold = pen.pick(SUM, LARGEST) if kind == "shift" else SUM
    opening, load, block, launch = _row(pen, style, x)
    lines, value = value_of(pen.rng, list(maps), load, " " * 8)
    factor, use = {
        "share": ("total + 1.0f", "{v} / s"),
        "shift": ("total / cols" if fold is SUM else "total", "{v} - s"),
        "scale": ("rsqrtf(total / cols + 0.001f)", "{v} * s"),
    }[kind]
    store = f"{y}[r * cols + c]"
    body = (
        f"{opening}    float total = {fold.start};\n    for (int c = 0; c < cols; c++) {{\n{lines}"
        f"        {fold.step.format(s='total', v=value)}\n    }}\n    float s = {factor};\n"
        f"    for (int c = 0; c < cols; c++) {{\n        {store} = {use.format(v=load)};\n    }}\n"
    )
    parameters = f"const float* {x}, float* {y}, int rows, int cols"
    text = kernel(name, parameters, body, block, f"{launch}({x}, {y}, rows, cols)")

    def reference(first):  # type: ignore[no-untyped-def]
        total = fold.exact(exact_chain(list(maps), first))[:, None]
        if kind == "share":
            return first / (total + 1.0)
        if kind == "shift":
            return first - (total / first.shape[1] if fold is SUM else total)
        return first / np.sqrt(total / first.shape[1] + 0.001)

    shapes = (given(x, "rows, cols"), made(y, "rows, cols"))
    return Draft(f"{kind}_{style}", text, shapes, reference, f"rows={rows}, cols={cols}", PLANES)


def _row(pen: Pen, style: str, x: str) -> tuple[str, str, str, str]:
    """How a kernel finds its row: its first lines, a load of the row's element c, macros, and grid with block."""
    if style == "single_blocks":
        return "    int r = blockIdx.x;\n", f"{x}[r * cols + c]", "", "<<<rows, 1>>>"
    block, size = pen.block()
    opening = "    int r = blockIdx.x * blockDim.x + threadIdx.x;\n    if (r >= rows) {\n        return;\n    }\n"
    load = f"{x}[r * cols + c]"
    if style == "pointer":
        opening, load = f"{opening}    const float* row = {x} + r * cols;\n", "row[c]"
    return opening, load, block, f"<<<ceildiv(rows, {size}), {size}>>>"
