"""Inputs of triton_language_kernels.py, and what must come out: float64 NumPy, or exact integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from triton_corpus import Array, Run

INTEGERS = {
    "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
    "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
}  # fmt: skip
PRECISIONS = {
    # name: element type, tl.dot's input_precision, type of the sums, and the error allowed per sum of |a * b|
    "f16": ("fp16", "tf32", "fp32", 2.0**-20),
    "f16 in f16": ("fp16", "tf32", "fp16", 2.0**-8),
    "bf16": ("bf16", "tf32", "fp32", 2.0**-20),
    "tf32": ("fp32", "tf32", "fp32", 2.0**-10),
    "tf32x3": ("fp32", "tf32x3", "fp32", 2.0**-19),
    "bf16x6": ("fp32", "bf16x6", "fp32", 2.0**-19),
    "ieee": ("fp32", "ieee", "fp32", 2.0**-20),
    "f64": ("fp64", "ieee", "fp64", 2.0**-48),
    "i8": ("i8", "tf32", "int32", 0.0),
    "fp8e5": ("fp8e5", "tf32", "fp32", 2.0**-20),
}
_STORED = {
    "fp16": np.float16, "fp32": np.float32, "fp64": np.float64, "i8": np.int8, "int32": np.int32,
    "bf16": np.uint16, "fp8e5": np.uint8,
}  # fmt: skip
N = 300


def functions(rng: np.random.Generator) -> Run:
    x = (3 * rng.standard_normal(N)).astype(np.float32)
    wide, size = x.astype(float), np.abs(x.astype(float))
    rows = [
        np.sin(wide), np.cos(wide), np.exp2(wide), np.log(size), np.log2(size), np.sqrt(size), 1 / np.sqrt(size),
        np.sqrt(size), wide / 3, _each(math.erf, wide), np.floor(wide), np.ceil(wide), 1 / (1 + np.exp(-wide)),
        wide * wide + wide, np.clip(wide, -0.5, 0.5),
    ]  # fmt: skip
    return _rows("functions", x, "fp32", rows, 2e-6)


def library_functions(rng: np.random.Generator) -> Run:
    x = (3 * rng.standard_normal(N)).astype(np.float32)
    wide, size = x.astype(float), np.abs(x.astype(float))
    rows = [
        np.tanh(wide), np.arctan2(wide, 2), size**1.5, np.log1p(size), np.expm1(wide), np.cbrt(wide),
        _each(math.lgamma, size), np.tan(wide), np.fmod(wide, 0.25), np.rint(wide), np.sinh(wide),
        _each(math.erfc, wide),
    ]  # fmt: skip
    return _rows("library_functions", x, "fp32", rows, 5e-6)


def doubles(rng: np.random.Generator) -> Run:
    x = 3 * rng.standard_normal(256)
    single, half = x.astype(np.float32), x.astype(np.float16)
    rows = [
        np.exp(x), np.sin(x), np.log(np.abs(x)), 1 / x, np.sqrt(np.abs(x)), _each(math.erf, x), single, half,
        np.cumsum(x),
    ]  # fmt: skip
    return _rows("doubles", x, "fp64", rows, 1e-13)


def integers(rng: np.random.Generator, dtype: str) -> Run:
    kind = INTEGERS[dtype]
    limits = np.iinfo(kind)
    x = rng.integers(limits.min + 1, limits.max, N, dtype=kind)
    y = rng.integers(max(limits.min, -50), 50, N, dtype=kind)
    y[y == 0] = 7
    a, b = [int(each) for each in x], [int(each) for each in y]
    pairs = list(zip(a, b, strict=True))
    quotients = [abs(p) // abs(q) * (1 if (p < 0) == (q < 0) else -1) for p, q in pairs]
    rows = [
        [p + q for p, q in pairs], [p * q for p, q in pairs], quotients,
        [p - t * q for (p, q), t in zip(pairs, quotients, strict=True)], [p ^ q for p, q in pairs],
        [p >> (q & 7) for p, q in pairs], [p << (q & 7) for p, q in pairs], [min(p, q) for p, q in pairs],
        [p if p < q else q + 1 for p, q in pairs], [abs(p) for p in a], [~p for p in a], [-p for p in a],
    ]  # fmt: skip
    out = np.full((len(rows), N), 77, kind)
    types = {"x": f"*{dtype}", "y": f"*{dtype}", "out": f"*{dtype}", "n": "i32"}
    values = {"x": x, "y": y, "out": out, "n": N}
    expected = np.array([[_wrapped(value, limits.bits) for value in row] for row in rows], np.uint64)
    stored = expected.astype(f"u{limits.bits // 8}").view(kind)
    return Run("integers", types, {"BLOCK": 256}, ["x", "y", "out"], [2], values, {"out": stored})


def scans(rng: np.random.Generator, rows: int = 8, cols: int = 128) -> Run:
    factor = rng.uniform(0.5, 1.0, (rows, cols)).astype(np.float32)
    term = rng.standard_normal((rows, cols)).astype(np.float32)
    a, b = factor.astype(float), term.astype(float)
    expected = [_recurrence(a, b), _recurrence(a[:, ::-1], b[:, ::-1])[:, ::-1], np.cumsum(b, 0), np.cumprod(a, 1)]
    types = {"x": "*fp32", "y": "*fp32", "out": "*fp32"}
    values = {"x": factor, "y": term, "out": np.full((4, rows, cols), 77, np.float32)}
    shape = {"ROWS": rows, "COLS": cols}
    return Run("scans", types, shape, ["x", "y", "out"], [1], values, {"out": np.array(expected)}, {"out": 1e-5})


def reductions(rng: np.random.Generator, rows: int = 16, cols: int = 64) -> Run:
    x = rng.integers(-50, 50, (rows, cols)).astype(np.int32)
    columns = [x.max(0), np.bitwise_xor.reduce(x, 0)]
    expected = np.concatenate([x.sum(1), x.min(1), x.argmax(1), x.argmin(1), *columns])
    values = {"x": x, "out": np.full(expected.size, 77, np.int32)}
    shape = {"ROWS": rows, "COLS": cols}
    return Run("reductions", {"x": "*i32", "out": "*i32"}, shape, ["x", "out"], [1], values, {"out": expected})


def shapes(rng: np.random.Generator, rows: int = 16, cols: int = 64) -> Run:
    x, y = (rng.standard_normal((rows, cols)).astype(np.float32) for _ in range(2))
    pairs = np.stack([x, y], -1)
    turned = x.reshape(rows // 2, 2, cols).transpose(2, 0, 1)
    gathered = np.take_along_axis(x, (np.arange(cols) + np.arange(rows)[:, None]) % cols, 1)
    parts = [x.T, pairs, x - y, pairs, x.ravel()[::-1], turned, np.sort(x, 1)[:, ::-1], gathered]
    expected = np.concatenate([part.ravel() for part in parts])
    values = {"x": x, "y": y, "out": np.full(expected.size, 77, np.float32)}
    types = {"x": "*fp32", "y": "*fp32", "out": "*fp32"}
    return Run("shapes", types, {"ROWS": rows, "COLS": cols}, ["x", "y", "out"], [1], values, {"out": expected})


def atomics(rng: np.random.Generator) -> Run:
    x = rng.integers(-100, 100, N).astype(np.int32)
    place = x & 15
    merges = (np.add, np.maximum, np.minimum, np.bitwise_or, np.bitwise_and, np.bitwise_xor)
    merged = [_merged(merge, np.full(16, 5, np.int32), place, x) for merge in merges]
    floats = [_merged(merge, np.zeros(16), place, x) for merge in merges[:3]]
    values = {
        "x": x, "out": np.full(96 + 2 * N, 5, np.int32), "floats": np.zeros(48, np.float32),
        "halves": np.zeros(16, np.float16), "n": N,
    }  # fmt: skip
    expected = {
        "out": np.concatenate([*merged, x, np.full(N, 5)]),
        "floats": np.concatenate(floats),
        "halves": _merged(np.add, np.zeros(16), place, x & 3),
    }
    types = {"x": "*i32", "out": "*i32", "floats": "*fp32", "halves": "*fp16", "n": "i32"}
    return Run("atomics", types, {"BLOCK": 256}, ["x", "out"], [2], values, expected)


def locked_sum(rng: np.random.Generator, programs: int = 6) -> Run:
    values = {"lock": np.zeros(1, np.int32), "out": np.zeros(256, np.float32)}
    expected = {"out": np.full(256, sum(range(programs)), float), "lock": np.zeros(1)}
    return Run("locked_sum", {"lock": "*i32", "out": "*fp32"}, {"BLOCK": 256}, ["out"], [programs], values, expected)


def conversions(rng: np.random.Generator) -> Run:
    x = (30 * rng.standard_normal(512)).astype(np.float32)
    whole = np.trunc(x)
    narrow = _bf16(x)
    rows = [
        x.astype(np.float16), narrow, _fp8e5(x), whole, whole, whole, whole.astype(np.int64).astype(np.int8),
        np.abs(whole), _half_towards_zero(x), x > 0, x.view(np.int32).astype(np.float32), _bf16(narrow * narrow),
    ]  # fmt: skip
    values = {"x": x, "out": np.full((len(rows), 512), 77, np.float32)}
    expected = np.array([np.asarray(row, float) for row in rows])
    return Run("conversions", {"x": "*fp32", "out": "*fp32"}, {"BLOCK": 512}, [], [1], values, {"out": expected})


def product(rng: np.random.Generator, precision: str, m: int = 64, n: int = 32, k: int = 32) -> Run:
    import triton.language as tl

    dtype, words, sums, error = PRECISIONS[precision]
    (a, left), (b, right) = _operand(rng, (m, k), dtype), _operand(rng, (k, n), dtype)
    kinds = {"fp16": tl.float16, "fp32": tl.float32, "fp64": tl.float64, "int32": tl.int32}
    constants = {"M": m, "N": n, "K": k, "PRECISION": words, "SUMS": kinds[sums]}
    types = {"a": f"*{dtype}", "b": f"*{dtype}", "c": "*i32" if sums == "int32" else f"*{sums}"}
    values = {"a": a, "b": b, "c": np.full((m, n), 77, _STORED[sums])}
    bounds = {"c": error * (np.abs(left) @ np.abs(right))} if error else {}
    return Run("product", types, constants, ["a", "b", "c"], [1], values, {"c": left @ right}, bounds)


def products(rng: np.random.Generator, count: int = 4, m: int = 32, n: int = 16, k: int = 16) -> Run:
    a, b = rng.standard_normal((count, m, k)).astype(np.float16), rng.standard_normal((count, k, n)).astype(np.float16)
    values = {"a": a, "b": b, "c": np.full((count, m, n), 77, np.float32)}
    expected = {"c": a.astype(float) @ b.astype(float)}
    constants = {"COUNT": count, "M": m, "N": n, "K": k}
    types = {"a": "*fp16", "b": "*fp16", "c": "*fp32"}
    return Run("products", types, constants, ["a", "b", "c"], [1], values, expected, {"c": 1e-4})


def described_product(rng: np.random.Generator, m: int = 80, n: int = 40, k: int = 48) -> Run:
    a, b = rng.standard_normal((m, k)).astype(np.float16), rng.standard_normal((k, n)).astype(np.float16)
    values = {"a": a, "b": b, "c": np.full((m, n), 77, np.float32), "m": m, "n": n, "k": k}
    expected = {"c": a.astype(float) @ b.astype(float)}
    types = {"a": "*fp16", "b": "*fp16", "c": "*fp32", "m": "i32", "n": "i32", "k": "i32"}
    return Run("described_product", types, {"BLOCK": 32}, ["a", "b", "c"], [3, 2], values, expected, {"c": 1e-4})


def own_assembly(rng: np.random.Generator) -> Run:
    x = rng.integers(0, 1 << 20, 128).astype(np.int32)
    values = {"x": x, "out": np.full(128, 77, np.int32)}
    types = {"x": "*i32", "out": "*i32"}
    return Run("own_assembly", types, {"BLOCK": 128}, ["x", "out"], [1], values, {"out": (x << 3) ^ x})


def collatz(rng: np.random.Generator, programs: int = 20) -> Run:
    x = rng.integers(1, 500, programs).astype(np.int32)
    values = {"x": x, "out": np.full(programs, 77, np.int32)}
    expected = np.array([_collatz_steps(int(each)) for each in x])
    return Run("collatz", {"x": "*i32", "out": "*i32"}, {}, ["x", "out"], [programs], values, {"out": expected})


def selections(rng: np.random.Generator, bins: int = 64, count: int = 8) -> Run:
    x = rng.integers(0, 10000, N).astype(np.int32)
    values = {"x": x, "out": np.full(bins + count, 77, np.int32), "n": N}
    expected = np.concatenate([np.bincount(x & (bins - 1), minlength=bins), np.sort(x)[::-1][:count]])
    constants = {"BLOCK": 512, "BINS": bins, "COUNT": count}
    return Run("selections", {"x": "*i32", "out": "*i32", "n": "i32"}, constants, [], [1], values, {"out": expected})


def hinted(rng: np.random.Generator) -> Run:
    x = rng.integers(-50, 50, N).astype(np.float32)
    return _rows("hinted", x, "fp32", [5.0 * x] * 3, None)


RUNS: dict[str, Callable[[np.random.Generator], Run]] = {
    **{
        make.__name__: make
        for make in (
            functions, library_functions, doubles, scans, reductions, shapes, atomics, locked_sum, conversions,
            products, described_product, own_assembly, collatz, selections, hinted,
        )
    },
    **{f"integers {dtype}": lambda rng, dtype=dtype: integers(rng, dtype) for dtype in INTEGERS},
    **{f"product {name}": lambda rng, name=name: product(rng, name) for name in PRECISIONS},
}  # fmt: skip


def _rows(kernel: str, x: Array, dtype: str, rows: Sequence[Array], error: float | None) -> Run:
    """A kernel that writes one row for each function of x; the error is relative to 1 + |expected|."""
    expected = np.array([np.asarray(row, float) for row in rows])
    values = {"x": x, "out": np.full(expected.shape, 77, x.dtype), "n": len(x)}
    types = {"x": f"*{dtype}", "out": f"*{dtype}", "n": "i32"}
    bounds = {} if error is None else {"out": error * (1 + np.abs(expected))}
    return Run(kernel, types, {"BLOCK": 256}, ["x", "out"], [-(-len(x) // 256)], values, {"out": expected}, bounds)


def _each(function: Callable[[float], float], values: Array) -> Array:
    return np.array([function(value) for value in values.tolist()])


def _wrapped(value: int, bits: int) -> int:
    return value & ((1 << bits) - 1)


def _recurrence(factor: Array, term: Array) -> Array:
    """s[i] = s[i - 1] * factor[i] + term[i] along the last axis."""
    sums = np.zeros_like(term)
    for at in range(term.shape[1]):
        sums[:, at] = (sums[:, at - 1] * factor[:, at] if at else 0) + term[:, at]
    return sums


def _merged(merge: np.ufunc, start: Array, place: Array, values: Array) -> Array:
    merge.at(start, place, values)
    return start


def _collatz_steps(value: int) -> int:
    steps = 0
    while value != 1:
        value, steps = (value // 2 if value % 2 == 0 else 3 * value + 1), steps + 1
    return steps


def _bf16(values: Array) -> Array:
    """Rounded to nearest even with eight bits of mantissa."""
    bits = np.asarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


def _fp8e5(values: Array) -> Array:
    """Rounded to nearest even with three bits of mantissa, as e5m2 has them; no value here is too large for it."""
    exponent = np.floor(np.log2(np.abs(values.astype(float))))
    quantum = 2.0 ** (np.maximum(exponent, -14) - 2)
    return np.rint(values / quantum) * quantum


def _half_towards_zero(values: Array) -> Array:
    nearest = values.astype(np.float16)
    beyond = np.abs(nearest.astype(float)) > np.abs(values.astype(float))
    return np.where(beyond, np.nextafter(nearest, np.float16(0)), nearest)


def _operand(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> tuple[Array, Array]:
    """Elements as they are stored, and their numbers."""
    if dtype == "i8":
        stored: Array = rng.integers(-128, 128, shape).astype(np.int8)
        return stored, stored.astype(np.int64)
    if dtype == "bf16":
        single = _bf16(rng.standard_normal(shape))
        return (single.view(np.uint32) >> 16).astype(np.uint16), single.astype(float)
    if dtype == "fp8e5":
        # e5m2 is the upper half of an f16.
        stored = rng.integers(0x30, 0x48, shape).astype(np.uint8)
        return stored, (stored.astype(np.uint16) << 8).view(np.float16).astype(float)
    stored = rng.standard_normal(shape).astype(_STORED[dtype])
    return stored, stored.astype(float)
