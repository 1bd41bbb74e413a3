"""Element types: their names, sizes and C spellings, how NumPy stores them, and conversion to and from what a
reference computes with.

NumPy has no bfloat16, so bf16 is stored as the upper half of an f32 in uint16. A reference sees float64 for the float
types, int64 for the integers, and uint64 for u64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kernelevo.errors import BadInput

Array = NDArray[Any]


@dataclass(frozen=True)
class DType:
    """An element type. `bytes` is its size; `storage` the NumPy dtype that holds its bits; `spellings` its names in
    CUDA C++.
    """

    name: str
    bytes: int
    kind: Literal["float", "int", "uint"]
    storage: str
    spellings: tuple[str, ...]
    significand_bits: int = 0
    largest: float = 0.0

    @property
    def is_float(self) -> bool:
        return self.kind == "float"

    @property
    def epsilon(self) -> float:
        """The distance from 1 to the next number of a float type; 0 for integers, which are exact."""
        return 2.0 ** (1 - self.significand_bits) if self.is_float else 0.0

    def __str__(self) -> str:
        return self.name


DTYPES = (
    DType("f16", 2, "float", "float16", ("half", "__half"), 11, 65504.0),
    DType("bf16", 2, "float", "uint16", ("__nv_bfloat16", "nv_bfloat16"), 8, float((2 - 2.0**-7) * 2.0**127)),
    DType("f32", 4, "float", "float32", ("float",), 24, float((2 - 2.0**-23) * 2.0**127)),
    DType("f64", 8, "float", "float64", ("double",), 53, float(np.finfo(np.float64).max)),
    DType("i8", 1, "int", "int8", ("int8_t", "signed char", "char")),
    DType("u8", 1, "uint", "uint8", ("uint8_t", "unsigned char", "bool")),
    DType("i16", 2, "int", "int16", ("int16_t", "short", "short int")),
    DType("u16", 2, "uint", "uint16", ("uint16_t", "unsigned short", "unsigned short int")),
    DType("i32", 4, "int", "int32", ("int32_t", "int", "signed", "signed int")),
    DType("u32", 4, "uint", "uint32", ("uint32_t", "unsigned", "unsigned int", "uint")),
    DType("i64", 8, "int", "int64", ("int64_t", "long long", "long", "long long int", "long int", "ptrdiff_t")),
    DType(
        "u64",
        8,
        "uint",
        "uint64",
        ("uint64_t", "size_t", "unsigned long long", "unsigned long", "unsigned long long int", "unsigned long int"),
    ),
)

TF32 = DType("tf32", 4, "float", "float32", (), 11, float((2 - 2.0**-23) * 2.0**127))
"""What tensor cores take of f32: no type of an element, but one that a problem may say its products are computed in."""

_BY_NAME = {name: dtype for dtype in DTYPES for name in (dtype.name, *dtype.spellings)}


def find(name: str) -> DType | None:
    """The type of this name or C spelling, or None."""
    return _BY_NAME.get(" ".join(name.split()))


def named(name: str, where: str) -> DType:
    """The type of this name or C spelling; raises BadInput, which begins with `where`."""
    dtype = find(name)
    if dtype is None:
        raise BadInput(f"{where}: '{name}' is no element type; there are {', '.join(each.name for each in DTYPES)}")
    return dtype


def to_storage(values: Any, dtype: DType) -> Array:
    """Numbers -> the array NumPy stores them in, rounded to nearest even; floats beyond the range become infinite.

    Raises BadInput if an integer does not fit, because silently wrapping it would test something else.
    """
    array = np.asarray(values)
    if dtype.name == "bf16":
        return _f32_to_bf16(_to_float(array, "float32"))
    if dtype.is_float:
        return _to_float(array, dtype.storage)
    return _to_integer(array, dtype)


def from_storage(stored: Array, dtype: DType) -> Array:
    """The stored array -> what a reference sees: float64, int64 or uint64, of the same shape and exactly the same
    values.
    """
    # A signalling NaN in a candidate's output becomes a quiet one, which is no reason for a warning.
    with np.errstate(invalid="ignore"):
        if dtype.name == "bf16":
            return (stored.astype(np.uint32) << np.uint32(16)).view(np.float32).astype(np.float64)
        if dtype.is_float:
            return stored.astype(np.float64)
    return stored.astype(np.uint64 if dtype.name == "u64" else np.int64)


def rounded(values: Any, dtype: DType) -> Array:
    """The numbers after a round trip through `dtype`, as a reference sees them."""
    return from_storage(to_storage(values, dtype), dtype)


def _to_float(array: Array, storage: str) -> Array:
    with np.errstate(over="ignore"):
        return array.astype(storage)


def _to_integer(array: Array, dtype: DType) -> Array:
    limits = np.iinfo(dtype.storage)
    whole = array if array.dtype.kind in "iub" else np.rint(array)
    if whole.size and not (limits.min <= whole.min() and whole.max() <= limits.max):
        raise BadInput(
            f"values from {whole.min()} to {whole.max()} do not fit in {dtype.name}; draw them from a smaller range"
        )
    return whole.astype(dtype.storage)


def _f32_to_bf16(array: Array) -> Array:
    bits = np.atleast_1d(array).view(np.uint32).astype(np.uint64)
    rounded_up = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    # Rounding could carry a NaN's significand over into infinity; a NaN keeps its upper bits and becomes quiet.
    result = np.where(np.isnan(np.atleast_1d(array)), (bits >> 16) | 0x40, rounded_up).astype(np.uint16)
    return result.reshape(array.shape)
