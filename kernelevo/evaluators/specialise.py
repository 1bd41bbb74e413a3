"""Arguments of a Triton kernel on one case: what the compiler may know of each, by the rules of Triton's own JIT.

(`specialize_impl`, triton/runtime/jit.py.) What is judged is thus what a call from Python would compile: an integer
that is 1 becomes a constant, one divisible by 16 is said to be, and so is a pointer if the problem promises as much.
Nothing is said of a pointer that only happens to be aligned in one trial.
"""

from __future__ import annotations

from kernelevo.kernel.dtypes import DType
from kernelevo.kernel.triton_instance import DIVISOR, InstanceParameter

I32 = range(-(1 << 31), 1 << 31)


def pointer_parameter(name: str, dtype: DType, aligned: int) -> InstanceParameter:
    """A pointer to elements of this type whose address is promised to be a multiple of `aligned` bytes."""
    return InstanceParameter(name, f"*{_triton_name(dtype)}", aligned % DIVISOR == 0, None)


def fraction_parameter(name: str, dtype: DType) -> InstanceParameter:
    """A floating-point number: fp32, as Python's float is to Triton, unless it is declared f64."""
    return InstanceParameter(name, "fp64" if dtype.name == "f64" else "fp32", False, None)


def integer_parameter(name: str, value: int) -> InstanceParameter:
    """An integer of this value; a constant if it is 1."""
    if value == 1:
        return InstanceParameter(name, None, False, 1)
    return InstanceParameter(name, "i32" if value in I32 else "i64", value % DIVISOR == 0, None)


def _triton_name(dtype: DType) -> str:
    """Triton's name of an element type: `fp32` for `f32`, otherwise ours."""
    return f"fp{dtype.name[1:]}" if dtype.name.startswith("f") else dtype.name
