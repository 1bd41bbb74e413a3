"""Sums of products: a matrix with a vector, and two matrices."""

from __future__ import annotations

import numpy as np

from kernelevo.backends.kernels.generated.drafting import PLANES, Draft, Pen, given, kernel, made
from kernelevo.backends.kernels.generated.maps import exact_chain

_SIZES = ((192, 160, 128), (256, 192, 128), (256, 256, 96), (512, 512, 64), (300, 200, 96), (768, 384, 48))
"""m, n, k: from few results, which leave the device half empty, to many."""
_PRODUCTS = ("m=1, n=1, k=1", "m=33, n=20, k=17", "m=64, n=65, k=36")


def matrix_vector(pen: Pen) -> Draft:
    """y = f(a x), a thread for each row of a, or of its transpose; a map may follow."""
    style = pen.pick("rows", "rows", "columns", "single_blocks")
    name, x, y = pen.names()
    maps = pen.pool.chain(pen.rng, 1)
    rows, cols = pen.plane()
    mine, other, load = ("c", "r", "cols"), ("r", "rows"), f"a[r * cols + c] * {x}[r]"
    if style != "columns":
        mine, other, load = ("r", "c", "rows"), ("c", "cols"), f"a[r * cols + c] * {x}[c]"
    block, size = ("", "1") if style == "single_blocks" else pen.block()
    index = "blockIdx.x" if style == "single_blocks" else "blockIdx.x * blockDim.x + threadIdx.x"
    body = (
        f"    int {mine[0]} = {index};\n    if ({mine[0]} >= {mine[2]}) {{\n        return;\n    }}\n"
        f"    float v = 0.0f;\n    for (int {other[0]} = 0; {other[0]} < {other[1]}; {other[0]}++) {{\n"
        f"        v += {load};\n    }}\n"
        + "".join(f"    v = {each.of('v')};\n" for each in maps)
        + f"    {y}[{mine[0]}] = v;\n"
    )
    launch = f"<<<ceildiv({mine[2]}, {size}), {size}>>>(a, {x}, {y}, rows, cols)"
    text = kernel(name, f"const float* a, const float* {x}, float* {y}, int rows, int cols", body, block, launch)

    def reference(matrix, vector):  # type: ignore[no-untyped-def]
        product = vector @ matrix if style == "columns" else matrix @ vector
        return exact_chain(maps, product)

    shapes = (given("a", "rows, cols"), given(x, other[1]), made(y, mine[2]))
    return Draft(style, text, shapes, reference, f"rows={rows}, cols={cols}", PLANES)


def matrix_product(pen: Pen) -> Draft:
    """c = f(a b) with a or b transposed, or with a vector added: a plane of threads, its axes swapped, or by rows."""
    style, kind = pen.pick("plane", "plane", "swapped", "by_rows"), pen.pick("bias", "second", "first")
    name, _, _ = pen.names()
    sizes = pen.pick(*_SIZES)
    return product(pen, style, kind, name, sizes)


def product(pen: Pen, style: str, kind: str, name: str, sizes: tuple[int, int, int]) -> Draft:
    """A product of this style: those of matrix_product, or tiled. `kind` says which matrix is transposed (first,
    second), whether a vector is added (bias), or that neither is (plain).
    """
    m, n, k = sizes
    maps = pen.pool.chain(pen.rng, 1)
    a = "a[{p} * m + i]" if kind == "first" else "a[i * k + {p}]"
    b = "b[j * k + {p}]" if kind == "second" else "b[{p} * n + j]"
    bias, passed = ("const float* d, ", "a, b, d") if kind == "bias" else ("", "a, b")
    parameters = f"const float* a, const float* b, {bias}float* c, int m, int n, int k"
    arguments, inner = f"({passed}, c, m, n, k)", "        "
    end = "".join(f"{inner}v = {each.of('v')};\n" for each in maps) + f"{inner}c[i * n + j] = v;\n"
    if style == "tiled":
        text = _tiled(pen, name, parameters, arguments, kind == "bias", a, b, end)
    else:
        result = (
            f"{inner}float v = {'d[j]' if kind == 'bias' else '0.0f'};\n{inner}for (int p = 0; p < k; p++) {{\n"
            f"{inner}    v += {a.format(p='p')} * {b.format(p='p')};\n{inner}}}\n{end}"
        )
        text = _over_results(pen, style, name, parameters, arguments, result)

    def reference(first, second, *others):  # type: ignore[no-untyped-def]
        product = (first.T if kind == "first" else first) @ (second.T if kind == "second" else second)
        return exact_chain(maps, product + others[0] if kind == "bias" else product)

    inputs = [
        given("a", "k, m" if kind == "first" else "m, k"), given("b", "n, k" if kind == "second" else "k, n"),
        *([given("d", "n")] if kind == "bias" else []),
    ]  # fmt: skip
    shapes = (*inputs, made("c", "m, n"))
    return Draft(f"{kind}_{style}", text, shapes, reference, f"m={m}, n={n}, k={k}", _PRODUCTS)


def _over_results(pen: Pen, style: str, name: str, parameters: str, arguments: str, result: str) -> str:
    index = "    int {name} = blockIdx.{axis} * blockDim.{axis} + threadIdx.{axis};\n"
    if style == "by_rows":
        block, size = pen.block()
        body = (
            f"{index.format(name='i', axis='x')}    if (i >= m) {{\n        return;\n    }}\n"
            f"    for (int j = 0; j < n; j++) {{\n{result}    }}\n"
        )
        return kernel(name, parameters, body, block, f"<<<ceildiv(m, {size}), {size}>>>{arguments}")
    x, y = (("j", "n"), ("i", "m")) if style == "plane" else (("i", "m"), ("j", "n"))
    wide, high = pen.pick((16, 16), (32, 8), (8, 8))
    body = (
        f"{index.format(name=x[0], axis='x')}{index.format(name=y[0], axis='y')}"
        f"    if (i < m && j < n) {{\n{result}    }}\n"
    )
    grid = f"dim3(ceildiv({x[1]}, {wide}), ceildiv({y[1]}, {high}))"
    return kernel(name, parameters, body, "", f"<<<{grid}, dim3({wide}, {high})>>>{arguments}")


def _tiled(pen: Pen, name: str, parameters: str, arguments: str, bias: bool, a: str, b: str, end: str) -> str:
    """Square tiles of both in shared memory, one result for each thread: what is often written by hand."""
    size = pen.pick(8, 16)
    load = "{name}[threadIdx.y][threadIdx.x] = {inside} ? {value} : 0.0f;"
    across = load.format(name="left", inside="i < m && q < k", value=a.format(p="q"))
    along = load.format(name="right", inside="q < k && j < n", value=b.format(p="q"))
    body = (
        f"    __shared__ float left[{size}][{size}];\n    __shared__ float right[{size}][{size}];\n"
        f"    int j = blockIdx.x * {size} + threadIdx.x;\n    int i = blockIdx.y * {size} + threadIdx.y;\n"
        f"    float v = {'j < n ? d[j] : 0.0f' if bias else '0.0f'};\n"
        f"    for (int first = 0; first < k; first += {size}) {{\n"
        f"        int q = first + threadIdx.x;\n        {across}\n"
        f"        q = first + threadIdx.y;\n        {along}\n        __syncthreads();\n"
        f"        for (int p = 0; p < {size}; p++) {{\n            v += left[threadIdx.y][p] * right[p][threadIdx.x];\n"
        f"        }}\n        __syncthreads();\n    }}\n    if (i < m && j < n) {{\n{end}    }}\n"
    )
    grid = f"dim3(ceildiv(n, {size}), ceildiv(m, {size}))"
    return kernel(name, parameters, body, "", f"<<<{grid}, dim3({size}, {size})>>>{arguments}")


def outer(pen: Pen) -> Draft:
    """y[r, c] = f(u[r] o w[c]): a thread for each row, or a plane of threads whose axes may be swapped."""
    from kernelevo.backends.kernels.generated.elementwise import over_plane

    style = pen.pick("by_rows", "by_rows", "plane", "swapped")
    name, _, y = pen.names()
    pair, maps = pen.pick(*pen.pool.pairs), pen.pool.chain(pen.rng, 1)
    rows, cols = pen.plane(large=style != "by_rows")
    store = f"        float v = {pair.of('first[r]', 'second[c]')};\n"
    store += "".join(f"        v = {each.of('v')};\n" for each in maps) + f"        {y}[r * cols + c] = v;\n"
    parameters = f"const float* first, const float* second, float* {y}, int rows, int cols"
    text = over_plane(pen, style, name, parameters, f"(first, second, {y}, rows, cols)", store)

    def reference(down, along):  # type: ignore[no-untyped-def]
        return exact_chain(maps, pair.exact(down[:, None] + np.zeros_like(along), along))

    shapes = (given("first", "rows"), given("second", "cols"), made(y, "rows, cols"))
    return Draft(style, text, shapes, reference, f"rows={rows}, cols={cols}", PLANES)
