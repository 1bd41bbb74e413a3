"""One number of all elements, with atomics."""

from __future__ import annotations

from kernelevo.backends.kernels.generated.drafting import ITEMS, PLANES, Draft, Pen, given, kernel, made, value_of
from kernelevo.backends.kernels.generated.maps import exact_chain


def whole_sum(pen: Pen) -> Draft:
    """out = sum of f(x[i]) or f(x[i] o z[i]): an atomic for each element, or for each row."""
    style = pen.pick("per_element", "per_element", "per_row")
    name, x, y = pen.names()
    maps, pair = pen.pool.chain(pen.rng, 2), pen.pick(None, *pen.pool.pairs[:2])
    place = "r * cols + c" if style == "per_row" else "i"
    load = f"{x}[{place}]" if pair is None else f"({pair.of(f'{x}[{place}]', f'z[{place}]')})"
    lines, value = value_of(pen.rng, maps, load, " " * 8)
    block, size = pen.block()
    index = "blockIdx.x * blockDim.x + threadIdx.x"
    body, threads, sizes = {
        "per_element": (
            f"    int i = {index};\n    if (i < n) {{\n{lines}        atomicAdd({y}, {value});\n    }}\n",
            f"ceildiv(n, {size})", "n",
        ),
        "per_row": (
            f"    int r = {index};\n    if (r >= rows) {{\n        return;\n    }}\n    float total = 0.0f;\n"
            f"    for (int c = 0; c < cols; c++) {{\n{lines}        total += {value};\n    }}\n"
            f"    atomicAdd({y}, total);\n",
            f"ceildiv(rows, {size})", "rows, cols",
        ),
    }[style]  # fmt: skip
    second = "" if pair is None else "const float* z, "
    passed = x if pair is None else f"{x}, z"
    parameters = f"const float* {x}, {second}float* {y}, {', '.join(f'int {each}' for each in sizes.split(', '))}"
    text = kernel(name, parameters, body, block, f"<<<{threads}, {size}>>>({passed}, {y}, {sizes})", zero=y)
    inputs = [given(x, sizes)] if pair is None else [given(x, sizes), given("z", sizes)]

    def reference(first, *others):  # type: ignore[no-untyped-def]
        values = exact_chain(maps, first if pair is None else pair.exact(first, others[0]))
        return values.reshape(-1).sum(keepdims=True)

    rows, cols = pen.plane()
    dims, small = (f"rows={rows}, cols={cols}", PLANES) if style == "per_row" else (f"n={pen.elements()}", ITEMS)
    return Draft(style, text, (*inputs, made(y, "1")), reference, dims, small)
