"""Random matrices as bits, in three styles, for the tests of matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np
from matrix_sums import BITS

Array = np.ndarray[Any, Any]
# (exponent bits, fraction bits) of the fractions; tf32 lies in the upper 19 bits of its register.
FORMATS = {"f16": (5, 10), "bf16": (8, 7), "tf32": (8, 23), "f32": (8, 23), "f64": (11, 52), "e4m3": (4, 3)}
FORMATS["e5m2"] = (5, 2)
STYLES = ("near", "wide", "special")


def draw(rng: np.random.Generator, kind: str, shape: tuple[int, int], style: str) -> Array:
    """`near`: exponents around one, so that every rounding shows; `wide`: any bits that are finite; `special`: near
    with a few zeros, subnormals, infinities, NaN and extremes.
    """
    bits = BITS[kind]
    dtype = np.uint64 if bits == 64 else np.uint32
    anything = rng.integers(0, 1 << bits, shape, np.uint64)
    if kind not in FORMATS:
        extremes = np.array([0, 1, (1 << bits - 1) - 1, 1 << bits - 1, (1 << bits) - 1], np.uint64)
        chosen = np.where(rng.random(shape) < 0.5, rng.choice(extremes, shape), anything)
        return (chosen if style == "special" else anything).astype(dtype)
    exponent, fraction = FORMATS[kind]
    if style == "wide":
        infinite = ((1 << exponent) - 1) << fraction
        finite = anything & np.uint64(~(1 << fraction) & (1 << bits) - 1)  # an exponent of all ones cannot remain
        return np.where(anything & np.uint64(infinite) == infinite, finite, anything).astype(dtype)
    near = _near(rng, anything, exponent, fraction)
    if style == "near":
        return near.astype(dtype)
    return np.where(rng.random(shape) < 0.04, rng.choice(_specials(exponent, fraction), shape), near).astype(dtype)


def _near(rng: np.random.Generator, anything: Array, exponent: int, fraction: int) -> Array:
    spread = min(6, (1 << exponent - 1) - 2)
    biased = rng.integers((1 << exponent - 1) - 1 - spread // 2, (1 << exponent - 1) + spread // 2, anything.shape)
    kept = anything & np.uint64(1 << exponent + fraction | (1 << fraction) - 1)
    return kept | biased.astype(np.uint64) << np.uint64(fraction)


def _specials(exponent: int, fraction: int) -> Array:
    infinity, sign = ((1 << exponent) - 1) << fraction, 1 << exponent + fraction
    positive = [0, 1, (1 << fraction) - 1, 1 << fraction, infinity - 1, infinity, infinity | 1 << fraction - 1]
    return np.array([bits | s for bits in positive for s in (0, sign)], np.uint64)
