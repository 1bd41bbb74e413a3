"""bfloat16 as its 16 bits: NumPy has no such type. Rounding is to nearest even (the upper half of the f32)."""

from __future__ import annotations

import numpy as np

from .case import Values


def to_bits(values: Values) -> Values:
    """The nearest bfloat16 of each value, as uint16; values must be finite."""
    word = np.asarray(values, np.float32).view(np.uint32)
    return ((word + 0x7FFF + ((word >> 16) & 1)) >> 16).astype(np.uint16)


def from_bits(bits: Values) -> Values:
    return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
