"""One number from one or two of the same place: along a vector, and over a plane with a row or a column of factors."""

from __future__ import annotations

from kernelevo.backends.kernels.generated.drafting import ITEMS, PLANES, Draft, Pen, given, kernel, made, value_of
from kernelevo.backends.kernels.generated.maps import exact_chain


def elementwise(pen: Pen) -> Draft:
    """y[i] = f(x[i]) or f(x[i] o z[i]); a thread for each element, a chunk for each thread, or too few blocks."""
    style = pen.pick("per_element", "few_blocks", "few_blocks", "chunk")
    name, x, y = pen.names()
    maps, pair = pen.pool.chain(pen.rng, 3), pen.pick(None, *pen.pool.pairs)
    block, size = pen.block()
    load = f"{x}[i]" if pair is None else f"({pair.of(f'{x}[i]', 'z[i]')})"
    n, chunk = pen.elements() * 2 + pen.pick(0, 0, 4, 1), pen.pick(8, 16, 32)
    lines, value = value_of(pen.rng, maps, load, " " * (4 if style == "per_element" else 8))
    store, index = f"{lines}        {y}[i] = {value};\n", "blockIdx.x * blockDim.x + threadIdx.x"
    body, threads = {
        "per_element": (
            f"    int i = blockIdx.x * blockDim.x + threadIdx.x;\n    if (i >= n) {{\n        return;\n    }}\n"
            f"{lines}    {y}[i] = {value};\n",
            f"ceildiv(n, {size})",
        ),
        "few_blocks": (
            f"    int first = {index};\n"
            f"    for (int i = first; i < n; i += gridDim.x * blockDim.x) {{\n{store}    }}\n",
            str(pen.pick(8, 16, 33)),
        ),
        "chunk": (
            f"    int t = {index};\n"
            f"    for (int i = t * {chunk}; i < n && i < (t + 1) * {chunk}; i++) {{\n{store}    }}\n",
            f"ceildiv(n, {size} * {chunk})",
        ),
    }[style]
    second = "" if pair is None else "const float* z, "
    passed = x if pair is None else f"{x}, z"
    parameters = f"const float* {x}, {second}float* {y}, int n"
    text = kernel(name, parameters, body, block, f"<<<{threads}, {size}>>>({passed}, {y}, n)")
    inputs = [given(x, "n")] if pair is None else [given(x, "n"), given("z", "n")]

    def reference(first, *others):  # type: ignore[no-untyped-def]
        return exact_chain(maps, first if pair is None else pair.exact(first, others[0]))

    return Draft(style, text, (*inputs, made(y, "n")), reference, f"n={n}", ITEMS)


def broadcast(pen: Pen) -> Draft:
    """y[r, c] = f(x[r, c]) o b[c] (or b[r]); a thread for each row, or a plane of threads whose axes may be swapped."""
    style = pen.pick("by_rows", "by_rows", "plane", "swapped", "swapped")
    name, x, y = pen.names()
    maps, pair, along = pen.pool.chain(pen.rng, 2), pen.pick(*pen.pool.pairs), pen.pick("c", "r")
    rows, cols = pen.plane(large=style != "by_rows")
    parameters = f"const float* {x}, const float* b, float* {y}, int rows, int cols"
    arguments = f"({x}, b, {y}, rows, cols)"
    lines, value = value_of(pen.rng, maps, f"{x}[r * cols + c]", " " * 8)
    store = f"{lines}        {y}[r * cols + c] = {pair.of(value, f'b[{along}]')};\n"
    text = over_plane(pen, style, name, parameters, arguments, store)
    extent = "cols" if along == "c" else "rows"

    def reference(first, factors):  # type: ignore[no-untyped-def]
        return pair.exact(exact_chain(maps, first), factors if along == "c" else factors[:, None])

    shapes = (given(x, "rows, cols"), given("b", extent), made(y, "rows, cols"))
    return Draft(style, text, shapes, reference, f"rows={rows}, cols={cols}", PLANES)


def over_plane(pen: Pen, style: str, name: str, parameters: str, arguments: str, store: str) -> str:
    """A kernel that does `store` for every r below rows and c below cols: by_rows, by_columns, plane or swapped."""
    if style in ("by_rows", "by_columns"):
        (own, extent), (other, end) = ("r", "rows"), ("c", "cols")
        if style == "by_columns":
            (own, extent), (other, end) = (other, end), (own, extent)
        block, size = pen.block()
        body = (
            f"    int {own} = blockIdx.x * blockDim.x + threadIdx.x;\n"
            f"    if ({own} >= {extent}) {{\n        return;\n    }}\n"
            f"    for (int {other} = 0; {other} < {end}; {other}++) {{\n{store}    }}\n"
        )
        return kernel(name, parameters, body, block, f"<<<ceildiv({extent}, {size}), {size}>>>{arguments}")
    (along_x, extent_x), (along_y, extent_y) = ("c", "cols"), ("r", "rows")
    if style == "swapped":
        (along_x, extent_x), (along_y, extent_y) = (along_y, extent_y), (along_x, extent_x)
    wide, high = pen.pick((16, 16), (8, 32), (32, 8), (8, 8), (16, 8))
    body = (
        f"    int {along_x} = blockIdx.x * blockDim.x + threadIdx.x;\n"
        f"    int {along_y} = blockIdx.y * blockDim.y + threadIdx.y;\n"
        f"    if (r < rows && c < cols) {{\n{store}    }}\n"
    )
    grid = f"dim3(ceildiv({extent_x}, {wide}), ceildiv({extent_y}, {high}))"
    return kernel(name, parameters, body, "", f"<<<{grid}, dim3({wide}, {high})>>>{arguments}")
