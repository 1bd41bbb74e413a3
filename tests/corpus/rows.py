"""References of the kernels that work on rows: softmax (k01, k02), layer normalisation (k03), attention (k18)."""

from __future__ import annotations

import numpy as np

from . import bfloat16
from .case import EPS32, EPSB16, Blank, Case, Check, Run, Values, cases, ceil_div, normal, wide

EPSILON = 1e-5


def all_cases() -> list[Case]:
    return [
        *cases("k01_softmax_naive", "softmax_naive", "NumPy float64", _softmax_naive, _shapes((64, 500), (130, 33))),
        *cases("k02_softmax_opt", "softmax_opt", "NumPy float64", _softmax_opt, _shapes((4, 4096), (3, 1052))),
        *cases("k03_layernorm", "layernorm_naive", "NumPy float64", _layernorm, _shapes((32, 500), (7, 129))),
        *cases("k03_layernorm", "layernorm_bf16", "NumPy float64", _layernorm_bf16, _shapes((16, 512), (7, 86))),
        *cases("k18_flashattn", "flash_fwd", "NumPy float64", _flash, _shapes((2, 64), (1, 96))),
    ]


def _shapes(*shapes: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {"x".join(map(str, shape)): shape for shape in shapes}


def softmax(x: Values) -> Values:
    exponentials = np.exp(wide(x) - x.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _softmax_naive(rng: np.random.Generator, rows: int, columns: int) -> Run:
    x = normal(rng, rows, columns)
    # The differences p - m are at most 10 here, so their rounding costs exp ten units; the rest is the sum's length.
    check = Check(1, softmax(x), (columns + 32) * EPS32)
    return Run(ceil_div(rows, 96), 96, [x, Blank(x.shape, np.float32), rows, columns], [check])


def _softmax_opt(rng: np.random.Generator, rows: int, columns: int) -> Run:
    x = normal(rng, rows, columns)
    # __expf errs by 2 + |1.16 x| ulp (CUDA C++ Programming Guide, intrinsic functions), twice in the quotient.
    check = Check(1, softmax(x), (4 * ceil_div(columns, 1024) + 8 + 4 * (2 + 1.16 * 10)) * EPS32)
    return Run(rows, 256, [x, Blank(x.shape, np.float32), columns // 4], [check])


def _normalised(x: Values, gain: Values, bias: Values) -> tuple[Values, Values]:
    """The result and the magnitude its error is measured by."""
    centred = x - x.mean(axis=1, keepdims=True)
    normed = centred / np.sqrt(x.var(axis=1, keepdims=True) + EPSILON)
    return normed * gain + bias, (np.abs(normed) + 1) * np.abs(gain) + np.abs(bias)


def _layernorm(rng: np.random.Generator, rows: int, columns: int) -> Run:
    x, gain, bias = normal(rng, rows, columns), normal(rng, columns), normal(rng, columns)
    expected, scale = _normalised(wide(x), gain, bias)
    check = Check(3, expected, (columns + 16) * EPS32, scale)
    return Run(rows, 96, [x, gain, bias, Blank(x.shape, np.float32), columns, EPSILON], [check])


def _layernorm_bf16(rng: np.random.Generator, rows: int, columns: int) -> Run:
    bits = [bfloat16.to_bits(normal(rng, *shape)) for shape in ((rows, columns), (columns,), (columns,))]
    expected, scale = _normalised(*map(bfloat16.from_bits, bits))
    # One rounding to bf16 at the end; the f32 work before it adds a twentieth of that at most.
    check = Check(3, expected, 1.05 * EPSB16, scale, bfloat16.from_bits)
    return Run(rows, 128, [*bits, Blank((rows, columns), np.uint16), columns // 2, EPSILON], [check])


def _flash(rng: np.random.Generator, heads: int, length: int) -> Run:
    q, k, v = (normal(rng, heads, length, 64) for _ in range(3))
    weights = softmax(wide(q) @ wide(k).transpose(0, 2, 1) * 0.125)
    # A score is a sum of 64 products of magnitude 5 in all: 320 units, which exp passes on; then sums over the length.
    check = Check(3, weights @ v, (1024 + length) * EPS32, weights @ np.abs(v))
    return Run((length // 32, heads), 32, [q, k, v, Blank(q.shape, np.float32), length, 0.125], [check])
