"""References of transposes (k05), matrix products by cores and tensor cores (k06, k07, k08) and convolutions (k11)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .case import EPS16, EPS32, Blank, Case, Check, Run, Values, cases, ceil_div, normal, wide

PRODUCT = "NumPy float64 matmul"


def all_cases() -> list[Case]:
    transposed = {"64x96": (64, 96), "70x45": (70, 45)}
    return [
        *cases("k05_transpose", "transpose_naive", "NumPy transpose", _transpose, transposed),
        *cases("k05_transpose", "transpose_smem", "NumPy transpose", _transpose, transposed),
        *cases("k06_sgemm", "sgemm_naive", PRODUCT, _sgemm_naive, _products((64, 64, 64), (45, 37, 51))),
        *cases("k06_sgemm", "sgemm_tiled", PRODUCT, _sgemm_tiled, _products((128, 128, 64), (128, 256, 24))),
        *cases("k07_wmma", "hgemm_wmma", PRODUCT, _hgemm_wmma, _products((64, 32, 64), (32, 48, 80))),
        *cases("k07_wmma", "hgemm_wmma_smem", PRODUCT, _wmma_smem, _products((64, 64, 64), (128, 64, 96))),
        *cases("k08_mma_cpasync", "hgemm_mma", PRODUCT, _hgemm_mma, _products((128, 64, 64), (64, 128, 160))),
        *cases("k11_conv", "conv2d_naive", "NumPy float64", _conv_naive, _CONVOLUTIONS),
        *cases("k11_conv", "conv2d_halo", "NumPy float64", _conv_halo, {"32x48": (32, 48), "21x35": (21, 35)}),
    ]


_CONVOLUTIONS = {"1x2x9x9 3x3x3": (1, 2, 9, 9, 3, 3), "2x3x7x10 4x5x5": (2, 3, 7, 10, 4, 5)}


def _products(*shapes: tuple[int, int, int]) -> Mapping[str, tuple[int, int, int]]:
    """M, N, K: the result is M by N."""
    return {"x".join(map(str, shape)): shape for shape in shapes}


def product_check(index: int, a: Values, b: Values, bound: float) -> Check:
    """a @ b, with errors measured by |a| @ |b|."""
    return Check(index, wide(a) @ wide(b), bound, np.abs(wide(a)) @ np.abs(wide(b)))


def _transpose(rng: np.random.Generator, rows: int, columns: int) -> Run:
    x = normal(rng, rows, columns)
    grid = (ceil_div(columns, 32), ceil_div(rows, 32))
    return Run(grid, (32, 8), [x, Blank((columns, rows), np.float32), columns, rows], [Check(1, x.T, 0)])


def _sgemm_naive(rng: np.random.Generator, m: int, n: int, k: int) -> Run:
    a, b = normal(rng, m, k), normal(rng, k, n)
    arguments = [a, b, Blank((m, n), np.float32), m, n, k]
    return Run((ceil_div(n, 16), ceil_div(m, 16)), (16, 16), arguments, [product_check(2, a, b, k * EPS32)])


def _sgemm_tiled(rng: np.random.Generator, m: int, n: int, k: int) -> Run:
    a, b = normal(rng, m, k), normal(rng, k, n)
    arguments = [a, b, Blank((m, n), np.float32), m, n, k]
    return Run((n // 128, m // 128), 256, arguments, [product_check(2, a, b, k * EPS32)])


def _half_product(
    rng: np.random.Generator, m: int, n: int, k: int, grid: tuple[int, ...], block: tuple[int, ...], half: bool = False
) -> Run:
    """B is given column by column; `half` where sums are kept in f16."""
    a, b = normal(rng, m, k, dtype=np.float16), normal(rng, n, k, dtype=np.float16)
    check = product_check(2, a, b.T, k * (EPS16 if half else EPS32))
    return Run(grid, block, [a, b, Blank((m, n), np.float16 if half else np.float32), m, n, k], [check])


def _hgemm_wmma(rng: np.random.Generator, m: int, n: int, k: int) -> Run:
    return _half_product(rng, m, n, k, (m // 32, n // 16), (64, 1))


def _wmma_smem(rng: np.random.Generator, m: int, n: int, k: int) -> Run:
    return _half_product(rng, m, n, k, (n // 64, m // 64), (128,), half=True)


def _hgemm_mma(rng: np.random.Generator, m: int, n: int, k: int) -> Run:
    return _half_product(rng, m, n, k, (n // 64, m // 64), (128,))


def _correlate(x: Values, weights: Values) -> Values:
    """Images (N, C, H, W) with weights (K, C, R, R), zeros outside, centre R / 2."""
    _, _, height, width = x.shape
    size = weights.shape[2]
    low, high = size // 2, size - 1 - size // 2
    padded = np.pad(wide(x), ((0, 0), (0, 0), (low, high), (low, high)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
    return np.einsum("ncrshw,kcrs->nkhw", windows, wide(weights))


def _conv_naive(rng: np.random.Generator, n: int, c: int, h: int, w: int, k: int, r: int) -> Run:
    x, weights = normal(rng, n, c, h, w), normal(rng, k, c, r, r)
    check = Check(2, _correlate(x, weights), c * r * r * EPS32, _correlate(np.abs(x), np.abs(weights)))
    arguments = [x, weights, Blank((n, k, h, w), np.float32), n, c, h, w, k, r]
    return Run(ceil_div(n * k * h * w, 128), 128, arguments, [check])


def _conv_halo(rng: np.random.Generator, height: int, width: int) -> Run:
    x = normal(rng, 1, 1, height, width)
    weights = np.array([(index * 37 % 19 - 9) / 16 for index in range(49)]).reshape(1, 1, 7, 7)
    check = Check(1, _correlate(x, weights), 49 * EPS32, _correlate(np.abs(x), np.abs(weights)))
    grid = (ceil_div(width, 16), ceil_div(height, 16))
    return Run(grid, (16, 16), [x, Blank(x.shape, np.float32), height, width], [check])
