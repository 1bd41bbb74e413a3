"""What a caller may give to the virtual GPU's Python API: one function for each kind of argument, which returns it as
the library wants it and otherwise raises BadInput with the one sentence that refuses it.

Nothing is cut, wrapped or guessed: a bool is no size, a fraction is no whole number, a number beyond its range is an
error. Rounding to nearest is not: what becomes a fraction of fewer bits is rounded, as by NumPy and C.

Limits: nothing here knows a machine, an array or the library, so whether an array belongs to a machine is asked in
kernelevo/virtual.py.
"""

from __future__ import annotations

import operator
import reprlib
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.types import Parameter, Sample

U32, U64 = 2**32 - 1, 2**64 - 1
MAX_DIMENSIONS = 32  # of the oldest NumPy that we support
MAX_BYTES = 2**63 - 1

_FRACTIONS = {"f16": struct.Struct("<e"), "f32": struct.Struct("<f"), "f64": struct.Struct("<d")}
_PLAIN_KINDS = "biuf"  # of a NumPy dtype: bool, signed, unsigned, fraction


class _Brief(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 80

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write out thousands of digits.
        return super().repr_int(x, level) if x.bit_length() <= 128 else f"an integer of {x.bit_length()} bits"


def shown(value: Any) -> str:
    """`value` for a sentence: on one line, and short however large it is."""
    return " ".join(_Brief().repr(value).split())


def whole(what: str, value: Any, most: int, least: int = 0) -> int:
    """`value` as an int from `least` to `most`."""
    number = _as_whole(value)
    if number is None or not least <= number <= most:
        raise BadInput(f"{what} is a whole number from {least} to {most}, not {shown(value)}")
    return number


def _as_whole(value: Any) -> int | None:
    """An int, or what stands for one, as NumPy's integers do; None for all else, a bool too."""
    if type(value) is int:
        return value
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def sizes(what: str, given: Any, fewest: int, most: int, largest: int) -> tuple[int, ...]:
    """One whole number, or a sequence of `fewest` to `most` of them, as a tuple."""
    if type(given) is int:
        return (whole(f"a size of {what}", given, largest),)
    if isinstance(given, np.ndarray):
        given = given.tolist()
    if not isinstance(given, Sequence) or isinstance(given, str | bytes | bytearray):
        given = (given,)
    if not fewest <= len(given) <= most:
        raise BadInput(f"{what} has {fewest} to {most} sizes, not {len(given)}: {shown(given)}")
    return tuple(whole(f"a size of {what}", each, largest) for each in given)


def dimensions(what: str, given: Any) -> tuple[int, int, int]:
    """The grid or block of a launch; what is not given is 1. That none is 0 is for the launch to say, as a fault."""
    x, y, z, *_ = (*sizes(what, given, 1, 3, U32), 1, 1)
    return x, y, z


def sampling(sample: Sample | None) -> tuple[int, int, int]:
    """How many blocks to sample (0: all), whether these only are to run, and the seed."""
    if sample is None:
        return 0, 0, 0
    if not isinstance(sample, Sample):
        raise BadInput(f"sample is a Sample or None, not {shown(sample)}")
    blocks = whole("the number of blocks of a sample", sample.blocks, U32, least=1)
    return blocks, flag("only of a sample", sample.only), whole("the seed of a sample", sample.seed, 2**64 - 1)


def flag(what: str, value: Any) -> bool:
    if value is True or value is False:
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    raise BadInput(f"{what} is True or False, not {shown(value)}")


def text(what: str, value: Any) -> bytes:
    """A name as the library takes it, which ends it at the first NUL."""
    if isinstance(value, str) and "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value):
        return value.encode()
    raise BadInput(f"{what} is text (str) without NUL and without half of a surrogate pair, not {shown(value)}")


def element_type(dtype: Any) -> np.dtype[Any]:
    """The dtype of an array on the device: numbers as PTX has them, or what a package adds to NumPy (a bfloat16)."""
    if dtype is None:
        raise BadInput("the dtype of an array is None, which NumPy takes for float64; name the dtype")
    try:
        found = np.dtype(dtype)
    except (TypeError, ValueError, KeyError, AttributeError, SyntaxError) as exc:
        raise BadInput(f"the dtype of an array is {shown(dtype)}, which NumPy does not know; take one of its") from exc
    plain = found.kind in _PLAIN_KINDS and found.itemsize <= 8 and found.isnative
    added = found.isbuiltin == 2 and not found.hasobject
    if plain or added:
        return found
    raise BadInput(
        f"an array of {shown(found)} has no counterpart in PTX; give bools, integers or fractions of up to 64 bits in "
        f"the byte order of this machine, or a view of its bytes as such"
    )


def array_bytes(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """How many bytes an array takes. NumPy counts a size of 0 as 1 when it asks whether an array is too large."""
    total = dtype.itemsize
    for size in shape:
        total *= max(size, 1)
    whole(f"the number of bytes of array {name}", total, MAX_BYTES)
    return 0 if 0 in shape else total


def numbers(values: Any) -> npt.NDArray[Any]:
    """The values of a new array."""
    try:
        data = np.asarray(values, order="C")
    except (TypeError, ValueError, OverflowError, RuntimeError) as exc:
        raise BadInput(
            f"the values {shown(values)} are no array of numbers; give a number, a NumPy array or a list of one shape"
        ) from exc
    if data.dtype.hasobject:
        raise BadInput(
            f"the values {shown(values)} hold Python objects, which a kernel cannot use; give numbers of up to 64 "
            f"bits, and the numpy() of an Array"
        )
    if np.ma.is_masked(values):
        raise BadInput("the values are masked, which memory cannot say of a number; give their filled()")
    element_type(data.dtype)
    return data


def numbers_for(name: str, values: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """The values for array `name`, in its dtype, where each fits; a fraction for an integer does not."""
    data = numbers(values)
    if data.shape != shape:
        raise BadInput(f"array {name} has shape {shape}; it cannot take values of shape {data.shape}")
    if np.can_cast(data.dtype, dtype) or not data.size:
        return data.astype(dtype, copy=False)
    if data.dtype.kind in "iu" and dtype.kind in "iu":
        _require_range(name, data, dtype)
    elif not np.can_cast(data.dtype, dtype, "same_kind"):
        raise BadInput(f"array {name} is of {dtype} and does not take values of {data.dtype}; convert them first")
    try:
        with np.errstate(over="raise"):
            return data.astype(dtype)
    except FloatingPointError as exc:
        raise BadInput(f"array {name} is of {dtype}, but a value of {data.dtype} is too large for it") from exc


def _require_range(name: str, data: npt.NDArray[Any], dtype: np.dtype[Any]) -> None:
    limits = np.iinfo(dtype)
    for value in (int(data.min()), int(data.max())):
        whole(f"a value for array {name} of {dtype}", value, int(limits.max), int(limits.min))


def pointer_bytes(parameter: Parameter, address: int) -> bytes | None:
    """An address as the bytes of a parameter; None where this is no pointer."""
    return address.to_bytes(8, "little") if parameter.bytes == 8 and parameter.type[0] != "f" else None


def scalar_bytes(parameter: Parameter, value: Any) -> bytes | None:
    """A number, or bytes for a struct by value, as the bytes of a parameter; None where it does not fit."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.generic) and _is_bits(parameter, value):
        return value.tobytes()
    if isinstance(value, bytes):
        return value if len(value) == parameter.bytes else None
    if isinstance(value, bool | np.bool_):
        value = int(value)
    try:
        return _number_bytes(parameter, value)
    except (OverflowError, struct.error):
        return None


def _is_bits(parameter: Parameter, value: np.generic) -> bool:
    """Whether a NumPy scalar is passed as it lies in memory: to an untyped parameter of its size."""
    return parameter.type[0] == "b" and value.itemsize == parameter.bytes and value.dtype.kind in _PLAIN_KINDS + "cV"


def _number_bytes(parameter: Parameter, value: Any) -> bytes | None:
    """Raises OverflowError or struct.error where the number is beyond the parameter's range."""
    if _is_struct(parameter):
        return None
    if form := _FRACTIONS.get(parameter.type):
        return form.pack(value) if _is_real(value) else None
    number = _as_whole(value)
    if number is None:
        return None
    # Negative numbers fit unsigned and untyped parameters, too: compilers declare an `int` of C as .u32.
    return number.to_bytes(parameter.bytes, "little", signed=number < 0 or parameter.type[0] == "s")


def _is_real(value: Any) -> bool:
    if isinstance(value, np.generic):
        return value.dtype.kind in _PLAIN_KINDS and value.itemsize <= 8
    return isinstance(value, int | float)


def _is_struct(parameter: Parameter) -> bool:
    """Whether only bytes fit: a struct or array that is no number. Small structs of bytes (a __half) may be numbers."""
    return parameter.bytes > (_FRACTIONS[parameter.type].size if parameter.type in _FRACTIONS else 8)


def wanted(parameter: Parameter) -> str:
    """What a parameter takes, in words."""
    if _is_struct(parameter):
        return counted(parameter.bytes, "byte")
    if parameter.type in _FRACTIONS:
        return f"an int or float within the range of {parameter.type}"
    bits = 8 * parameter.bytes
    least, most = -(2 ** (bits - 1)), 2 ** (bits - (parameter.type[0] == "s")) - 1
    return f"a whole number from {least} to {most}" + (" or an Array" if bits == 64 else "")
