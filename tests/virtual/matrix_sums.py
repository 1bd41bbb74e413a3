"""The sums that the virtual GPU states for matrix products, in NumPy: bits in, bits out.

f32: one fused multiply-add for each k in rising order; f64 the same, exactly rational; integers exact, then wrapped or
clamped; single bits counted. It shares no code with the machine under test.
"""

from __future__ import annotations

from typing import Any

import exact
import numpy as np

Array = np.ndarray[Any, Any]
NAN = {"f16": 0x7FFF, "f32": 0x7FFFFFFF, "f64": 0x7FF8000000000000}
BITS = {"f16": 16, "bf16": 16, "tf32": 32, "f32": 32, "f64": 64, "s32": 32, "s8": 8, "u8": 8, "s4": 4, "u4": 4, "b1": 1}
BITS.update({"e4m3": 8, "e5m2": 8})
FLOATS = ("f16", "bf16", "tf32", "f32", "e4m3", "e5m2")


def value(kind: str, bits: Array) -> Array:
    """The numbers that these bits mean: float64 for fractions up to 32 bits, int64 for integers, bits otherwise."""
    unsigned = bits.astype(np.uint64)
    if kind == "f16":
        return bits.astype(np.uint16).view(np.float16).astype(np.float64)
    if kind == "bf16":
        return (unsigned << np.uint64(16)).astype(np.uint32).view(np.float32).astype(np.float64)
    if kind in ("f32", "tf32"):
        kept = unsigned & np.uint64(0xFFFFE000 if kind == "tf32" else 0xFFFFFFFF)
        return kept.astype(np.uint32).view(np.float32).astype(np.float64)
    if kind == "e5m2":
        return (unsigned << np.uint64(8)).astype(np.uint16).view(np.float16).astype(np.float64)
    if kind == "e4m3":
        return np.vectorize(_e4m3, otypes=[np.float64])(unsigned)
    signed = unsigned.astype(np.int64)
    return signed - ((signed >> (BITS[kind] - 1) & 1) << BITS[kind]) if kind[0] == "s" else signed


def product(a: Array, b: Array, c: Array, kinds: tuple[str, str, str, str], how: str = "") -> Array:
    """Bits of a b + c; `kinds` are the types of d, a, b, c; how: satfinite, xor, and, a rounding mode."""
    d_kind, a_kind, b_kind, c_kind = kinds
    if a_kind == "f64":
        return _product_f64(a, b, c, how or "rn")
    if a_kind in FLOATS:
        return narrow(d_kind, _product_f32(value(a_kind, a), value(b_kind, b), value(c_kind, c)))
    if a_kind == "b1":
        both = a[:, :, None] ^ b[None] if how == "xor" else a[:, :, None] & b[None]
        total = value("s32", c) + both.astype(np.int64).sum(axis=1)
    else:
        total = value("s32", c) + value(a_kind, a) @ value(b_kind, b)
    if how == "satfinite":
        total = np.clip(total, -(2**31), 2**31 - 1)
    return (total & 0xFFFFFFFF).astype(np.uint32)


def narrow(kind: str, sums: Array) -> Array:
    """Bits of f32 sums as d: NaN canonical."""
    with np.errstate(over="ignore"):
        out = sums.astype(np.float16).view(np.uint16) if kind == "f16" else sums.astype(np.float32).view(np.uint32)
    return np.where(np.isnan(sums), out.dtype.type(NAN[kind]), out)


def fma_f32(a: Array, b: Array, c: Array) -> Array:
    """a b + c rounded once to f32; a and b have so few bits that their product is exact in float64."""
    with np.errstate(all="ignore"):
        exact_product = a * b
        total = exact_product + c
        part = total - exact_product
        error = (exact_product - (total - part)) + (c - part)
        # To odd: where the sum is not exact, an even last bit moves towards the error, so that the next rounding is the
        # only one that counts.
        even = total.view(np.uint64) & np.uint64(1) == 0
        moves = np.isfinite(total) & np.isfinite(error) & (error != 0) & even
        odd = np.where(moves, np.nextafter(total, np.where(error > 0, np.inf, -np.inf)), total)
        return odd.astype(np.float32).astype(np.float64)


def _product_f32(a: Array, b: Array, c: Array) -> Array:
    sums = c
    for k in range(a.shape[1]):
        left, right = np.broadcast_arrays(a[:, k : k + 1], b[k : k + 1, :])
        sums = fma_f32(left, right, sums)
    return sums


def _product_f64(a: Array, b: Array, c: Array, mode: str) -> Array:
    out = np.empty(c.shape, np.uint64)
    for row, column in np.ndindex(*c.shape):
        total = int(c[row, column])
        for k in range(a.shape[1]):
            total = exact.fma(exact.F64, int(a[row, k]), int(b[k, column]), total, mode)
        out[row, column] = NAN["f64"] if exact.F64.is_nan(total) else total
    return out


def _e4m3(bits: int) -> float:
    """Bias 7, subnormals, no infinity, NaN where all bits but the sign are set (OCP 8-bit floating point, 2023)."""
    sign, exponent, fraction = (-1.0 if bits & 0x80 else 1.0), int(bits) >> 3 & 0xF, int(bits) & 7
    if exponent == 15 and fraction == 7:
        return float("nan")
    return sign * (fraction / 8 * 2.0**-6 if exponent == 0 else (1 + fraction / 8) * 2.0 ** (exponent - 7))
