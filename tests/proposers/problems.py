"""The problems of the test kernels (kernels/NAME.cu): arguments, sizes, and what each computes, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kernelevo import InOut, Input, Output, Problem, Scalar, integers, uniform

KERNELS = Path(__file__).parent / "kernels"
ROWS = ("rows=1, cols=1", "rows=3, cols=31", "rows=37, cols=64", "rows=70, cols=129", "rows=5, cols=260")
ITEMS = ("n=1", "n=127", "n=1000", "n=4099")
PLANES = ("m=1, n=1", "m=31, n=33", "m=64, n=32", "m=70, n=45")
_PLANES = tuple(text.replace("m=", "rows=").replace("n=", "cols=") for text in PLANES)


def text_of(name: str) -> str:
    return (KERNELS / f"{name}.cu").read_text(encoding="utf-8")


def _matrix(name: str, dtype: str = "f32") -> Any:
    return Input(name, f"{dtype}[rows, cols]", aligned=16)


def _rows(arguments: Sequence[Any], reference: Any, **more: Any) -> Problem:
    return Problem(arguments, reference, ["rows=64, cols=256"], tests=list(ROWS), **more)


def _items(arguments: Sequence[Any], reference: Any, **more: Any) -> Problem:
    return Problem(arguments, reference, ["n=65536"], tests=list(ITEMS), **more)


def _masked_softmax(x: Any, mask: Any, temperature: float) -> Any:
    scaled = np.where(mask != 0, x / temperature, -1e30)
    e = np.where(mask != 0, np.exp(scaled - scaled.max(axis=1, keepdims=True)), 0.0)
    total = e.sum(axis=1, keepdims=True)
    return np.where(total > 0, e / np.where(total > 0, total, 1.0), e)


def _logsumexp(x: Any) -> Any:
    top = x.max(axis=1)
    return top + np.log(np.exp(x - top[:, None]).sum(axis=1))


def _standardise(x: Any) -> Any:
    return (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)


def _smoothed(y: Any) -> Any:
    for column in range(1, y.shape[1]):
        y[:, column] = 0.5 * (y[:, column] + y[:, column - 1])
    return y


def _gelu(x: Any) -> Any:
    from math import erf

    return 0.5 * x * (1.0 + np.vectorize(erf)(x / np.sqrt(2.0)))


def _to_negative(x: Any) -> Any:
    kept = np.cumsum(x < 0, axis=1) == 0
    return (x * kept).sum(axis=1)


def _last_large(x: Any) -> Any:
    places = np.where(x > 0.5, np.arange(x.shape[1]), -1).max(axis=1)
    return np.where(places >= 0, x[np.arange(len(x)), places], 0.0)


def _scattered(x: Any, place: Any) -> Any:
    y = np.zeros_like(x)
    for column, target in enumerate(place.astype(int)):
        y[:, target] = x[:, column]
    return y


def _stencil(x: Any) -> Any:
    padded = np.pad(x, 1)
    return 0.25 * padded[:-2] + 0.5 * x + 0.25 * padded[2:]


def _growing(x: Any, cols: int, divisor: int) -> Any:
    steps = np.arange(cols)
    return (x / (2.0 + steps) + steps // divisor).sum(axis=1)


def _scaled(x: Any, gain: Any, bias: Any) -> Any:
    y = gain[:, None] * x + bias
    return y, np.maximum(0.5 * gain[:, None] * y, 0.0)


def _gathered(x: Any, rows_from: Any, y: Any) -> Any:
    y[1:] += 3 * x[rows_from[1:].astype(int)]
    return y


def row_problems() -> dict[str, Problem]:
    """One row per thread, where sharing the row out is right."""
    x, per_row = _matrix("x"), "f32[rows]"
    return {
        "row_norm": _rows([x, Output("norms", per_row)], lambda x: np.sqrt((x * x).sum(axis=1))),
        "logsumexp": _rows([_matrix("x", "f64"), Output("out", "f64[rows]")], _logsumexp),
        "row_max": _rows(
            [_matrix("x", "i32"), Output("high", "i32[rows]"), Output("low", "i32[rows]")],
            lambda x: (x.max(axis=1), x.min(axis=1)),
            inputs={"x": [integers(-999, 999)]},
        ),
        "row_dot": _rows(
            [_matrix("a"), _matrix("b"), InOut("sums", per_row), Scalar("scale", "f32", 0.5)],
            lambda a, b, sums: sums + 0.5 + 0.5 * (a * b).sum(axis=1),
        ),
        "masked_softmax": _rows(
            [x, _matrix("mask", "i32"), Output("y", "f32[rows, cols]", aligned=16), Scalar("temperature", "f32", 2.0)],
            _masked_softmax,
            inputs={"mask": [integers(0, 1)]},
        ),
        "rms_norm": Problem(
            [
                Input("x", "f32[batch, tokens, width]", aligned=16),
                Input("weight", "f32[width]", aligned=16),
                Output("y", "f32[batch, tokens, width]", aligned=16),
            ],
            lambda x, weight: x / np.sqrt((x * x).mean(axis=2, keepdims=True) + 1e-6) * weight,
            ["batch=4, tokens=32, width=512"],
            tests=["batch=1, tokens=1, width=1", "batch=2, tokens=9, width=100", "batch=3, tokens=11, width=77"],
        ),
        "l1_normalise": _rows(
            [_matrix("x", "f64"), Output("y", "f64[rows, cols]", aligned=16)],
            lambda x: x / (np.abs(x).sum(axis=1, keepdims=True) + 1e-9),
        ),
        "standardise": _rows([x, Output("y", "f32[rows, cols]", aligned=16)], _standardise),
        "integer_shares": _rows(
            [_matrix("x", "i32"), Output("y", "i32[rows, cols]", aligned=16), Scalar("unit", "i32", 7)],
            lambda x: x // 7,
            inputs={"x": [integers(0, 999)]},
        ),
        "whole_sum": _items(
            [Input("x", "f32[n]", aligned=16), Output("out", "f32[1]")], lambda x: x.sum(keepdims=True)
        ),
    }


def unlike_row_problems() -> dict[str, Problem]:
    """Look-alikes of row kernels, where sharing the row out would be wrong or gain nothing."""
    x, out, y = _matrix("x"), Output("out", "f32[rows]"), Output("y", "f32[rows, cols]", aligned=16)
    return {
        "prefix_sums": _rows([x, y], lambda x: x.cumsum(axis=1)),
        "first_negative": _rows([x, out], _to_negative),
        "last_large": _rows([x, out], _last_large),
        "smoothed": _rows([InOut("y", "f32[rows, cols]", aligned=16)], _smoothed),
        "shifted_reuse": _rows([x, y, Output("z", "f32[rows, cols]", aligned=16)], lambda x: (2 * x, 2 * x[:, ::-1])),
        "online_softmax_sum": _rows([x, out], _logsumexp),
        "column_sums": _rows([x, Output("out", "f32[cols]")], lambda x: x.sum(axis=0)),
        "shared_rows": _rows([x, out], lambda x: x.sum(axis=1) - np.repeat(x.sum(axis=1)[::64], 64)[: len(x)]),
        "scattered_rows": _rows([x, Input("place", "i32[cols]"), y], _scattered, inputs={"place": [integers(0, 0)]}),
    }


def atomic_problems() -> dict[str, Problem]:
    """One atomic per thread on few addresses."""
    return {
        "dot_atomic": _items(
            [Input("a", "f32[n]", aligned=16), Input("b", "f32[n]", aligned=16), Output("out", "f32[1]")],
            lambda a, b: (a * b).sum(keepdims=True),
        ),
        "range_atomic": _items(
            [Input("x", "i32[n]", aligned=16), InOut("bounds", "i32[2]")],
            lambda x, bounds: np.array([min(x.min(), bounds[0]), max(x.max(), bounds[1])]),
            inputs={"x": [integers(-9999, 9999)], "bounds": [integers(-5, 5)]},
        ),
        "count_above": Problem(
            [
                Input("x", "f32[groups, n]", aligned=16),
                Output("count", "i32[groups]"),
                Scalar("threshold", "f32", 0.25),
            ],
            lambda x: (x > 0.25).sum(axis=1),
            ["groups=4, n=4096"],
            tests=["groups=1, n=1", "groups=3, n=1001"],
        ),
    }


def unlike_atomic_problems() -> dict[str, Problem]:
    """Atomics whose addresses or results belong to the thread."""
    return {
        "histogram": _items(
            [Input("x", "i32[n]", aligned=16), Output("bins", "i32[16]")],
            lambda x: np.bincount(x.astype(int) & 15, minlength=16),
            inputs={"x": [integers(0, 999)]},
        ),
        "compaction": _items(
            [Input("x", "i32[n]", aligned=16), Output("kept", "i32[n]"), Output("count", "i32[1]")],
            lambda x: (np.arange(len(x)) < (x > 0).sum(), (x > 0).sum(keepdims=True)),
            inputs={"x": [integers(-9, 9)]},
        ),
        "segment_sums": _items(
            [Input("x", "i32[n]", aligned=16), Output("out", "i32[ceildiv(n, 48)]")],
            lambda x: np.add.reduceat(x, np.arange(0, len(x), 48)),
            inputs={"x": [integers(-9, 9)]},
        ),
    }


def transpose_problems() -> dict[str, Problem]:
    """Copies that are scattered on one side."""
    return {
        "batched_transpose": Problem(
            [Input("src", "f32[batch, h, w]", aligned=16), Output("dst", "f32[batch, w, h]", aligned=16)],
            lambda src: src.transpose(0, 2, 1),
            ["batch=4, h=128, w=128"],
            tests=["batch=1, h=1, w=1", "batch=3, h=33, w=47", "batch=2, h=64, w=31"],
        ),
        "gather_transpose": Problem(
            [Input("x", "f64[n, m]"), Input("scale", "f64[n]"), Output("y", "f64[m, n]")],
            lambda x, scale: x.T * scale + 1.0,
            ["m=256, n=256"],
            tests=list(PLANES),
        ),
        "transpose_add": Problem(
            [_matrix("a", "i32"), _matrix("b", "i32"), Output("out", "i32[cols, rows]"), Scalar("alpha", "i32", 3)],
            lambda a, b: (3 * a + b).T,
            ["rows=256, cols=256"],
            tests=list(_PLANES),
            inputs={"a": [integers(-99, 99)], "b": [integers(-99, 99)]},
        ),
    }


def unlike_transpose_problems() -> dict[str, Problem]:
    """Planes whose stores are not a single scattered one."""
    x = _matrix("x")
    return {
        "transpose_twice": Problem(
            [x, Output("y", "f32[cols, rows]"), Output("z", "f32[rows, cols]")],
            lambda x: (x.T, x),
            ["rows=256, cols=256"],
            tests=list(_PLANES),
        ),
        "flip_in_place": Problem(
            [InOut("x", "f32[n, n]")], lambda x: np.tril(x) + np.tril(x, -1).T, ["n=256"], tests=["n=1", "n=33"]
        ),
    }


def axis_problems() -> dict[str, Problem]:
    """Planes whose rows lie along threadIdx.x, and one with rows along y."""
    return {
        "copy_by_rows": Problem(
            [_matrix("x"), Output("y", "f32[rows, cols]", aligned=16), Scalar("factor", "f32", 3.0)],
            lambda x: 3.0 * x,
            ["rows=256, cols=256"],
            tests=list(_PLANES),
        ),
        "product_by_rows": Problem(
            [Input("a", "f32[m, k]"), Input("b", "f32[k, n]"), Output("c", "f32[m, n]")],
            lambda a, b: a @ b,
            ["m=128, n=128, k=64"],
            tests=["m=1, n=1, k=1", "m=17, n=35, k=20", "m=40, n=33, k=5"],
        ),
        "fixed_plane": Problem(
            [_matrix("x"), Output("y", "f32[rows, cols]", aligned=16)],
            lambda x: x + 1.0,
            ["rows=256, cols=256"],
            tests=list(_PLANES),
        ),
        "bias_by_rows": Problem(
            [InOut("x", "f64[rows, cols]"), Input("bias", "f64[cols]")],
            lambda x, bias: x + bias,
            ["rows=256, cols=256"],
            tests=list(_PLANES),
        ),
    }


def product_problems() -> dict[str, Problem]:
    """Sums of products, one result for each thread; the last two are look-alikes."""
    tests, large = ["m=1, n=1, k=1", "m=33, n=70, k=31", "m=64, n=32, k=65"], ["m=128, n=128, k=128"]
    a, c = Input("a", "f32[m, k]"), Output("c", "f32[m, n]")
    whole = {"sets": [integers(-9, 9)], "words": [integers(-9, 9)]}
    return {
        "gemm_update": Problem(
            [
                Input("a", "f64[m, k]"),
                Input("b", "f64[k, n]"),
                InOut("c", "f64[m, n]"),
                Scalar("alpha", "f64", 0.5),
                Scalar("beta", "f64", 2.0),
            ],
            lambda a, b, c: 0.5 * a @ b + 2.0 * c,
            large,
            tests=tests,
        ),
        "common_counts": Problem(
            [Input("sets", "i32[m, k]"), Input("words", "i32[k, n]"), Output("counts", "i32[m, n]")],
            lambda sets, words: sets @ words + 1,
            large,
            tests=tests,
            inputs=whole,
        ),
        "distances": Problem(
            [a, Input("b", "f32[k, n]"), c],
            lambda a, b: ((a[:, :, None] - b[None]) ** 2).sum(axis=1),
            large,
            tests=tests,
        ),
        "product_transposed": Problem([a, Input("b", "f32[n, k]"), c], lambda a, b: a @ b.T, large, tests=tests),
    }


def item_problems() -> dict[str, Problem]:
    """One element per thread, and others that touch neighbouring elements."""
    x, y = Input("x", "f32[n]", aligned=16), Output("y", "f32[n]", aligned=16)
    whole = Input("x", "i32[n]", aligned=16)
    return {
        "axpy": _items([x, InOut("y", "f32[n]", aligned=16), Scalar("alpha", "f32", 1.5)], lambda x, y: y + 1.5 * x),
        "gelu": _rows([_matrix("x"), Output("y", "f32[rows, cols]", aligned=16)], _gelu),
        "clamp_double": _items(
            [InOut("x", "f64[n]", aligned=16), Scalar("limit", "f64", 0.5)], lambda x: x.clip(-0.5, 0.5)
        ),
        "stencil": _items([x, y], _stencil),
        "reversed": _items(
            [whole, Output("y", "i32[n]", aligned=16)], lambda x: x + 1, inputs={"x": [integers(-9, 9)]}
        ),
        "scaled_by_macro": _items([x, y], lambda x: 2.0 * x),
        "scaled_by_override": _items([x, y], lambda x: 2.0 * x),
        "scaled_by_both": _items([x, y], lambda x: 2.0 * x),
        "unaligned": _items([Input("x", "f32[n]"), Output("y", "f32[n]")], lambda x: 2.0 * x),
        "lane_pairs": _items([x, y], lambda x: np.where(np.arange(len(x)) % 2 == 0, x, -x)),
    }


def other_problems() -> dict[str, Problem]:
    """Rows by warps already, and a division that cannot be hoisted."""
    y = Output("y", "f32[rows, cols]", aligned=16)
    return {
        "two_widths": Problem(
            [_matrix("x"), y],
            lambda x: x - x.sum(axis=1, keepdims=True),
            ["rows=64, cols=256", "rows=64, cols=32"],
            tests=list(ROWS),
        ),
        "warp_rows": _rows([_matrix("x"), y], lambda x: x - x.mean(axis=1, keepdims=True)),
        "growing_divisor": _rows(
            [_matrix("x"), Output("out", "f32[rows]"), Scalar("divisor", "i32", 3)],
            _growing,
            inputs={"x": [uniform(0, 1)]},
        ),
    }


def loop_problems() -> dict[str, Problem]:
    """One row or column per thread, whose elements are independent of each other."""
    x, y = _matrix("x"), Output("y", "f32[rows, cols]", aligned=16)
    whole = {"x": [integers(-99, 99)], "y": [integers(-99, 99)], "from": [integers(0, 0)]}
    return {
        "scale_rows": _rows(
            [x, Input("gain", "f32[rows]"), Input("bias", "f32[cols]"), y, Output("z", "f32[rows, cols]")], _scaled
        ),
        "gather_rows": _rows(
            [_matrix("x", "i32"), Input("from", "i32[rows]"), InOut("y", "i32[rows, cols]")], _gathered, inputs=whole
        ),
        "batch_flip": Problem(
            [Input("src", "f64[batch, h, w]"), Output("dst", "f64[batch, w, h]")],
            lambda src: 2.0 * src.transpose(0, 2, 1) - 1.0,
            ["batch=4, h=128, w=128"],
            tests=["batch=1, h=1, w=1", "batch=3, h=33, w=70", "batch=2, h=65, w=31"],
        ),
        "product_rows": Problem(
            [Input("a", "f32[m, k]"), Input("b", "f32[k, n]"), Output("c", "f32[m, n]")],
            lambda a, b: a @ b,
            ["m=128, n=128, k=64"],
            tests=["m=1, n=1, k=1", "m=17, n=35, k=20", "m=140, n=33, k=5"],
        ),
    }


def unlike_loop_problems() -> dict[str, Problem]:
    """Look-alikes whose loops cannot be spread over threads."""
    x, turned = _matrix("x"), "f32[cols, rows]"
    return {
        "triangle": Problem(
            [Input("x", "f32[n, n]"), InOut("y", "f32[n, n]")],
            lambda x, y: y + np.tril(x).T,
            ["n=256"],
            tests=["n=1", "n=70"],
        ),
        "mirrored": _rows(
            [InOut("x", "f32[rows, cols]")],
            lambda x: np.concatenate([x[:, ::-1][:, : x.shape[1] // 2], x[:, x.shape[1] // 2 :]], axis=1),
        ),
        "copy_until": _rows([x, InOut("y", turned)], lambda x, y: y + (x * (np.cumsum(x > 0.9, axis=1) == 0)).T),
        "carried_pair": _rows([x, Output("y", turned)], lambda x: np.diff(x, axis=1, prepend=0.0).T),
    }


def all_problems() -> dict[str, Problem]:
    groups = (
        row_problems,
        unlike_row_problems,
        atomic_problems,
        unlike_atomic_problems,
        transpose_problems,
        unlike_transpose_problems,
        axis_problems,
        product_problems,
        item_problems,
        other_problems,
        loop_problems,
        unlike_loop_problems,
    )
    return {name: problem for group in groups for name, problem in group().items()}
