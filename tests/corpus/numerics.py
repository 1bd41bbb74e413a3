"""References of numerical styles: s03, s05, s06, s07, s10, s13, s14, s17, s19, s22."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from .case import EPS16, EPS32, EPS64, Blank, Case, Check, Run, Values, cases, ceil_div, normal, wide
from .rows import softmax


def all_cases() -> list[Case]:
    sparse, batches = {"200x150": (200, 150), "37x61": (37, 61)}, {"5x32x32": (5, 32), "3x11x11": (3, 11)}
    return [
        *cases("s03_spmv", "spmv_warp", "NumPy float64", _spmv_warp, sparse),
        *cases("s03_spmv", "spmv_thread", "NumPy long double", _spmv_thread, sparse),
        *cases("s05_stencil3d", "stencil3d", "NumPy float64", _stencil, {"32x16x8": (32, 16, 8), "21x9x5": (21, 9, 5)}),
        *cases("s06_fft", "fft_radix2", "NumPy FFT, float64", _fft, {"3x256": (3, 8, 64), "2x32": (2, 5, 96)}),
        *cases("s07_factorise", "cholesky_batched", "NumPy linalg, float64", _cholesky, batches),
        *cases("s07_factorise", "lu_batched", "NumPy long double", _lu, batches),
        *cases(
            "s10_int8_gemm", "gemm_dp4a", "NumPy integers", _gemm, {"64x32x64": (64, 32, 64), "37x45x20": (37, 45, 20)}
        ),
        *cases("s13_mandelbrot", "mandelbrot", "NumPy float32", _mandelbrot, {"64x48": (64, 48), "45x31": (45, 31)}),
        *cases("s14_nbody", "nbody_step", "NumPy float64", _bodies, {"256": (256, 128), "77": (77, 32)}),
        *cases("s17_double_double", "dot_double_double", "exact fractions", _dot, {"512": (512,), "45": (45,)}),
        *cases(
            "s19_ragged_attention",
            "ragged_attention",
            "NumPy float64",
            _ragged,
            {"4 lengths": (7, 31, 1, 40), "1": (1,)},
        ),
        *cases("s22_grid_jacobi", "jacobi_grid", "NumPy float32", _jacobi, {"512": (512, 4), "301": (301, 3)}),
    ]


def _sparse(rng: np.random.Generator, rows: int, columns: int) -> tuple[Values, Values, Values, Values]:
    """A matrix with empty rows and one full one: dense, and as row starts, columns and values."""
    dense = normal(rng, rows, columns, dtype=np.float64) * (rng.random((rows, columns)) < 0.1)
    dense[rows // 2], dense[1::7] = 1.25, 0
    row, column = np.nonzero(dense)
    starts = np.searchsorted(row, np.arange(rows + 1)).astype(np.int32)
    return dense, starts, column.astype(np.int32), dense[row, column]


def _spmv_warp(rng: np.random.Generator, rows: int, columns: int) -> Run:
    dense, starts, column, value = _sparse(rng, rows, columns)
    x, matrix = normal(rng, columns), wide(dense.astype(np.float32))
    check = Check(4, matrix @ wide(x), (ceil_div(columns, 32) + 6) * EPS32, np.abs(matrix) @ np.abs(wide(x)))
    arguments = [starts, column, value.astype(np.float32), x, Blank((rows,), np.float32), rows]
    return Run(ceil_div(rows, 4), 128, arguments, [check])


def _spmv_thread(rng: np.random.Generator, rows: int, columns: int) -> Run:
    dense, starts, column, value = _sparse(rng, rows, columns)
    x = normal(rng, columns, dtype=np.float64)
    expected = (dense.astype(np.longdouble) * x).sum(axis=1)
    check = Check(4, expected, columns * EPS64, np.abs(dense) @ np.abs(x))
    return Run(ceil_div(rows, 96), 96, [starts, column, value, x, Blank((rows,), np.float64), rows], [check])


def _stencil(rng: np.random.Generator, nx: int, ny: int, nz: int) -> Run:
    x, (c0, c1) = normal(rng, nz, ny, nx), (0.75, -0.125)

    def around(values: Values) -> Values:
        p = np.pad(wide(values), 1)
        sides = p[1:-1, 1:-1, :-2] + p[1:-1, 1:-1, 2:] + p[1:-1, :-2, 1:-1] + p[1:-1, 2:, 1:-1]
        return sides + p[:-2, 1:-1, 1:-1] + p[2:, 1:-1, 1:-1]

    scale = c0 * np.abs(wide(x)) + abs(c1) * around(np.abs(x))
    check = Check(1, c0 * wide(x) + c1 * around(x), 8 * EPS32, scale)
    arguments = [x, Blank(x.shape, np.float32), nx, ny, nz, c0, c1]
    return Run((ceil_div(nx, 16), ceil_div(ny, 8)), (16, 8), arguments, [check])


def _fft(rng: np.random.Generator, lines: int, log2n: int, block: int) -> Run:
    x = normal(rng, lines, 1 << log2n, 2)
    y = np.fft.fft(wide(x)[..., 0] + 1j * wide(x)[..., 1], axis=1)
    # Errors grow by a few units a stage, in the norm of the line (Higham, section 24.1).
    norm = np.linalg.norm(y, axis=1)[:, None, None]
    check = Check(1, np.stack([y.real, y.imag], axis=-1), 4 * log2n * EPS32, norm)
    arguments = [x, Blank(x.shape, np.float32), log2n]
    return Run(lines, block, arguments, [check], shared_bytes=8 << log2n)


def _cholesky(rng: np.random.Generator, batch: int, n: int) -> Run:
    m = normal(rng, batch, n, n, dtype=np.float64)
    a = m @ m.transpose(0, 2, 1) + n * np.eye(n)
    scale = np.sqrt(np.abs(a).max(axis=(1, 2)))[:, None, None]
    check = Check(1, np.linalg.cholesky(a), 8 * n * EPS64, scale)
    return Run(ceil_div(batch, 2), (32, 2), [a, Blank(a.shape, np.float64), n, batch], [check])


def _factored(matrix: Values) -> tuple[Values, list[int]]:
    """LU with partial pivoting, in place, and the row exchanged at each step."""
    m, n, pivots = matrix.astype(np.longdouble), len(matrix), []
    for k in range(n):
        row = k + int(np.argmax(np.abs(m[k:, k])))
        m[[k, row]] = m[[row, k]]
        m[k + 1 :, k] /= m[k, k]
        m[k + 1 :, k + 1 :] -= np.outer(m[k + 1 :, k], m[k, k + 1 :])
        pivots.append(row)
    return m.astype(np.float64), pivots


def _lu(rng: np.random.Generator, batch: int, n: int) -> Run:
    a = normal(rng, batch, n, n, dtype=np.float64)
    factors, pivots = zip(*map(_factored, a), strict=True)
    condition = np.linalg.cond(a).max()
    checks = [
        Check(0, np.array(factors), 8 * n * EPS64 * condition, np.abs(a).max()),
        Check(1, np.array(pivots, np.int32), 0),
    ]
    return Run(batch, 32, [a, Blank((batch, n), np.int32), n, batch], checks)


def _gemm(rng: np.random.Generator, m: int, n: int, k: int) -> Run:
    a, b = (rng.integers(-128, 128, (rows, k)).astype(np.int8) for rows in (m, n))
    c = a.astype(np.int32) @ b.astype(np.int32).T
    shift = 9
    quantised = np.clip((c + (1 << (shift - 1))) >> shift, -128, 127).astype(np.int8)
    arguments = [a, b, Blank((m, n), np.int32), Blank((m, n), np.int8), m, n, k // 4, shift]
    return Run((ceil_div(n, 32), ceil_div(m, 32)), 64, arguments, [Check(2, c, 0), Check(3, quantised, 0)])


def _mandelbrot(rng: np.random.Generator, width: int, height: int) -> Run:
    left, top, step = np.float32(-2.1), np.float32(1.2), np.float32(2.6 / width)
    cr = np.broadcast_to(left + np.arange(width, dtype=np.float32) * step, (height, width))
    ci = np.broadcast_to((top - np.arange(height, dtype=np.float32) * step)[:, None], (height, width))
    re, im = np.zeros_like(cr), np.zeros_like(ci)
    count, inside = np.zeros(cr.shape, np.uint8), np.ones(cr.shape, bool)
    for _ in range(255):
        inside = inside & (re * re + im * im <= 4)
        count += inside
        re, im = np.where(inside, (re * re - im * im) + cr, re), np.where(inside, (2 * re) * im + ci, im)
    grid = (ceil_div(width, 16), ceil_div(height, 8))
    arguments = [Blank(count.shape, np.uint8), width, height, left, top, step]
    return Run(grid, (16, 8), arguments, [Check(0, count, 0)])


def _bodies(rng: np.random.Generator, count: int, block: int) -> Run:
    position, velocity = normal(rng, count, 4), normal(rng, count, 4)
    position[:, 3] = np.abs(position[:, 3])
    dt, softening = 0.01, 0.25
    p, v = wide(position), wide(velocity)
    apart = p[None, :, :3] - p[:, None, :3]
    pulls = p[None, :, 3, None] * apart / ((apart**2).sum(axis=2) + softening)[..., None] ** 1.5
    v[:, :3] += np.float32(dt) * pulls.sum(axis=1)
    moved = p.copy()
    moved[:, :3] += v[:, :3] * np.float32(dt)
    scale = np.abs(wide(velocity)) + 1e-30
    scale[:, :3] += dt * np.abs(pulls).sum(axis=1)
    # A pull is twelve roundings (rsqrt, within 2 ulp, enters three times), then they are added.
    checks = [Check(1, v, (count + 16) * EPS32, scale), Check(2, moved, (count + 16) * EPS32, np.abs(p) + dt * scale)]
    arguments = [position, velocity, Blank(position.shape, np.float32), count, dt, softening]
    return Run(ceil_div(count, block), block, arguments, checks, shared_bytes=16 * block)


def _dot(rng: np.random.Generator, length: int) -> Run:
    """The second half nearly cancels the first, so f64 alone would lose most digits."""
    x, y = (normal(rng, length, dtype=np.float64) * 2.0 ** rng.integers(-30, 30, length) for _ in range(2))
    half = length // 2
    x[half : 2 * half], y[half : 2 * half] = -x[:half], y[:half] * (1 + 2.0**-40)
    exact = sum(Fraction(a) * Fraction(b) for a, b in zip(x.tolist(), y.tolist(), strict=True))

    def missing(out: Values) -> Values:
        return np.array([float(Fraction(float(out[0])) + Fraction(float(out[1])) - exact)])

    check = Check(2, np.zeros(1), length * 2.0**-104, np.abs(x) @ np.abs(y), missing)
    return Run(1, 32, [x, y, Blank((2,), np.float64), length], [check])


def _ragged(rng: np.random.Generator, *lengths: int) -> Run:
    total = sum(lengths)
    q, k, v = (normal(rng, total, 64, dtype=np.float16) for _ in range(3))
    sequence = np.repeat(np.arange(len(lengths)), lengths).astype(np.int32)
    start = np.cumsum([0, *lengths]).astype(np.int32)
    index = np.arange(total)
    seen = (sequence[:, None] == sequence[None]) & (index[None] <= index[:, None])
    weights = softmax(np.where(seen, wide(q) @ wide(k).T * 0.125, -np.inf))
    # The rounding to f16 at the end; scores in f32 add a tenth of it at most.
    check = Check(3, weights @ wide(v), 1.1 * EPS16, weights @ np.abs(wide(v)))
    arguments = [q, k, v, Blank(q.shape, np.float16), start, sequence, total, 0.125]
    return Run(ceil_div(total, 4), (32, 4), arguments, [check])


def _jacobi(rng: np.random.Generator, length: int, sweeps: int) -> Run:
    values = [normal(rng, length)]
    for _ in range(sweeps):
        a = values[-1].copy()
        a[1:-1] = np.float32(0.5) * (values[-1][:-2] + values[-1][2:])
        values.append(a)
    last, before = (0, 1) if sweeps % 2 == 0 else (1, 0)
    checks = [Check(last, values[-1], 0), Check(before, values[-2], 0)]
    return Run(3, 64, [values[0], Blank((length,), np.float32), length, sweeps], checks, cooperative=True)
