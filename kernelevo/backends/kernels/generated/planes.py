"""Planes whose elements move (permutations), or are made of their neighbours (stencils)."""

from __future__ import annotations

from kernelevo.backends.kernels.generated.drafting import (
    ITEMS,
    PLANES,
    Draft,
    Pen,
    given,
    kernel,
    made,
    shaped,
    value_of,
)
from kernelevo.backends.kernels.generated.elementwise import over_plane
from kernelevo.backends.kernels.generated.maps import exact_chain


def permutation(pen: Pen) -> Draft:
    """y[c, r] = f(x[r, c]), also with a factor for each row: by rows, or a plane that reads or writes in order."""
    style = pen.pick("by_rows", "by_rows", "plane", "swapped")
    name, x, y = pen.names()
    maps, factor = pen.pool.chain(pen.rng, 2), pen.pick(False, False, True)
    rows, cols = pen.plane(large=style != "by_rows")
    helper, value = shaped(pen.rng, maps, f"{x}[r * cols + c]")
    store = f"        {y}[c * rows + r] = {value}{' * b[r]' if factor else ''};\n"
    second, passed = ("const float* b, ", f"{x}, b") if factor else ("", x)
    parameters = f"const float* {x}, {second}float* {y}, int rows, int cols"
    text = helper + over_plane(pen, style, name, parameters, f"({passed}, {y}, rows, cols)", store)
    inputs = [given(x, "rows, cols"), given("b", "rows")] if factor else [given(x, "rows, cols")]

    def reference(first, *others):  # type: ignore[no-untyped-def]
        values = exact_chain(maps, first).T
        return values * others[0] if factor else values

    shapes = (*inputs, made(y, "cols, rows"))
    return Draft(style, text, shapes, reference, f"rows={rows}, cols={cols}", PLANES)


def stencil(pen: Pen) -> Draft:
    """y[r, c] of x[r, c] and the neighbours along the row or along the column, those outside left out."""
    style = pen.pick("by_rows", "by_rows", "plane", "swapped", "swapped")
    name, x, y = pen.names()
    axis, reach, weight = pen.pick("c", "r"), pen.pick(1, 1, 2), pen.pick("0.5f", "0.25f")
    exact_weight = float(weight.rstrip("f"))
    rows, cols = pen.plane(large=style != "by_rows")
    place = {"c": "r * cols + c {sign} {k}", "r": "(r {sign} {k}) * cols + c"}[axis]
    extent = {"c": "cols", "r": "rows"}[axis]
    lines = [f"        float v = {x}[r * cols + c];\n"]
    for k in range(1, reach + 1):
        before, after = (f"{x}[{place.format(sign=sign, k=k)}]" for sign in "-+")
        lines.append(f"        if ({axis} >= {k}) {{\n            v += {weight} * {before};\n        }}\n")
        lines.append(f"        if ({axis} + {k} < {extent}) {{\n            v += {weight} * {after};\n        }}\n")
    maps = pen.pool.chain(pen.rng, 1)
    lines += [f"        v = {each.of('v')};\n" for each in maps]
    lines.append(f"        {y}[r * cols + c] = v;\n")
    parameters = f"const float* {x}, float* {y}, int rows, int cols"
    text = over_plane(pen, style, name, parameters, f"({x}, {y}, rows, cols)", "".join(lines))

    def reference(first):  # type: ignore[no-untyped-def]
        values = first.copy() if axis == "c" else first.T.copy()
        source = values.copy()
        for k in range(1, reach + 1):
            values[:, k:] += exact_weight * source[:, :-k]
            values[:, :-k] += exact_weight * source[:, k:]
        return exact_chain(maps, values if axis == "c" else values.T)

    shapes = (given(x, "rows, cols"), made(y, "rows, cols"))
    return Draft(f"{axis}_{style}", text, shapes, reference, f"rows={rows}, cols={cols}", PLANES)


def difference(pen: Pen) -> Draft:
    """y[i] = f(x[i] - x[i + 1]), the last one f(x[i]): a thread for each element, or too few blocks."""
    style = pen.pick("per_element", "few_blocks", "few_blocks")
    name, x, y = pen.names()
    maps = pen.pool.chain(pen.rng, 2)
    block, size = pen.block()
    lines, value = value_of(pen.rng, maps, f"(i + 1 < n ? {x}[i] - {x}[i + 1] : {x}[i])", " " * 8)
    store, index = f"{lines}        {y}[i] = {value};\n", "blockIdx.x * blockDim.x + threadIdx.x"
    if style == "per_element":
        body, threads = f"    int i = {index};\n    if (i < n) {{\n{store}    }}\n", f"ceildiv(n, {size})"
    else:
        body = f"    for (int i = {index}; i < n; i += blockDim.x * gridDim.x) {{\n{store}    }}\n"
        threads = str(pen.pick(8, 16, 33))
    text = kernel(name, f"const float* {x}, float* {y}, int n", body, block, f"<<<{threads}, {size}>>>({x}, {y}, n)")

    def reference(first):  # type: ignore[no-untyped-def]
        values = first.copy()
        values[:-1] -= first[1:]
        return exact_chain(maps, values)

    return Draft(style, text, (given(x, "n"), made(y, "n")), reference, f"n={pen.elements() * 2}", ITEMS)
