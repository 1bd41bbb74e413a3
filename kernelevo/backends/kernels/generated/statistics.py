"""Numbers that all of a column, or of a plane, went into, and planes that are changed by such numbers."""

from __future__ import annotations

from kernelevo.backends.kernels.generated.drafting import PLANES, Draft, Pen, given, kernel, made, value_of
from kernelevo.backends.kernels.generated.elementwise import over_plane
from kernelevo.backends.kernels.generated.maps import exact_chain
from kernelevo.backends.kernels.generated.rows import LARGEST, SUM
from kernelevo.backends.kernels.generated.whole import whole_sum


def column_fold(pen: Pen) -> Draft:
    """y[c] = fold of f(x[r, c]): a thread for each column, or an atomic for each element."""
    style = pen.pick("per_thread", "per_thread", "atomic")
    fold = SUM if style == "atomic" else pen.pick(SUM, SUM, LARGEST)
    mean = fold is SUM and style == "per_thread" and pen.pick(True, False)
    name, x, y = pen.names()
    maps = pen.pool.chain(pen.rng, 2)
    lines, value = value_of(pen.rng, maps, f"{x}[r * cols + c]", " " * 8)
    parameters = f"const float* {x}, float* {y}, int rows, int cols"
    arguments = f"({x}, {y}, rows, cols)"
    if style == "atomic":
        store = f"{lines}        atomicAdd(&{y}[c], {value});\n"
        planned = over_plane(pen, "plane", name, parameters, arguments, store)
        text = f"#pragma kernelevo zero {y}\n{planned}"
    else:
        block, size = pen.block()
        body = (
            "    int c = blockIdx.x * blockDim.x + threadIdx.x;\n    if (c >= cols) {\n        return;\n    }\n"
            f"    float total = {fold.start};\n    for (int r = 0; r < rows; r++) {{\n{lines}"
            f"        {fold.step.format(s='total', v=value)}\n    }}\n    {y}[c] = total{' / rows' if mean else ''};\n"
        )
        text = kernel(name, parameters, body, block, f"<<<ceildiv(cols, {size}), {size}>>>{arguments}")

    def reference(first):  # type: ignore[no-untyped-def]
        folded = fold.exact(exact_chain(maps, first).T)
        return folded / first.shape[0] if mean else folded

    return Draft(style, text, (given(x, "rows, cols"), made(y, "cols")), reference, "rows=512, cols=512", PLANES)


def whole_fold(pen: Pen) -> Draft:
    """The sum over one array, with atomics."""
    while len((draft := whole_sum(pen)).arguments) != 2:
        continue
    return draft


def applied(pen: Pen, along: str) -> Draft:
    """y[r, c] = f(x[r, c]) o s: s is s[r], s[c], or ("0") the only one, over the number of elements."""
    style = pen.pick("by_rows", "by_columns", "plane", "swapped")
    name, x, y = pen.names()
    maps = pen.pool.chain(pen.rng, 2)
    # Of a large sum and a small number the smallest or largest would be the same nearly everywhere.
    pair = pen.pick(*(each for each in pen.pool.pairs if "(" not in each.text))
    load = {"r": "s[r]", "c": "s[c]", "0": "(s[0] / (rows * cols))"}[along]
    lines, value = value_of(pen.rng, maps, f"{x}[r * cols + c]", " " * 8)
    store = f"{lines}        {y}[r * cols + c] = {pair.of(value, load)};\n"
    parameters = f"const float* {x}, const float* s, float* {y}, int rows, int cols"
    text = over_plane(pen, style, name, parameters, f"({x}, s, {y}, rows, cols)", store)

    def reference(first, statistic):  # type: ignore[no-untyped-def]
        shaped = {"r": statistic[:, None] if along == "r" else 0, "c": statistic, "0": statistic / first.size}[along]
        return pair.exact(exact_chain(maps, first), shaped)

    shapes = (given(x, "rows, cols"), given("s", {"r": "rows", "c": "cols", "0": "1"}[along]), made(y, "rows, cols"))
    return Draft(style, text, shapes, reference, "rows=512, cols=512", PLANES)
