"""Runs one PTX instruction over arrays: thread i loads element i of each input and stores the result.

`run("add.s32 d, a, b;", "s32", a=("s32", x), b=("s32", y))` returns the array of results. The inputs are called by
their names in the instruction, the result `d`. A result of type "pred" comes back as 0 or 1 in uint32.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from kernelevo.virtual import Machine, Module

Array = np.ndarray[Any, Any]

# PTX type: NumPy type of its bits, PTX type of loads and stores, PTX type of the register.
_TYPES = {
    **{f"{sign}{bits}": (f"u{bits // 8}", f"b{bits}", f"{sign}{bits}") for sign in "usb" for bits in (16, 32, 64)},
    **{f"{sign}8": ("u1", f"{sign}8", f"{sign}16") for sign in "us"},
    "f16": ("u2", "b16", "b16"),
    "bf16": ("u2", "b16", "b16"),
    "f16x2": ("u4", "b32", "b32"),
    "bf16x2": ("u4", "b32", "b32"),
    "f32": ("u4", "f32", "f32"),
    "f64": ("u8", "f64", "f64"),
}
_NUMPY = {"f16": "f2", "f32": "f4", "f64": "f8", **{f"s{bits}": f"i{bits // 8}" for bits in (8, 16, 32, 64)}}
BLOCK = 128


def bits_dtype(kind: str) -> np.dtype[Any]:
    """The unsigned NumPy type that holds the bits of a PTX type."""
    return np.dtype(_TYPES[kind][0])


def dtype(kind: str) -> np.dtype[Any]:
    """The NumPy type of a PTX type; of those that NumPy lacks (bf16, pairs) the bits."""
    return np.dtype(_NUMPY.get(kind, _TYPES[kind][0]))


def run(instruction: str, result: str, **inputs: tuple[str, Array]) -> Array:
    """The results, one for each element of the inputs; faults fail the test."""
    kinds = tuple((name, kind) for name, (kind, _) in inputs.items())
    stored = "u32" if result == "pred" else result
    arrays = [np.ascontiguousarray(values).view(bits_dtype(kind)) for kind, values in inputs.values()]
    count = len(arrays[0])
    with Machine(_module(instruction, result, kinds), memory_bytes=1 << 24) as machine:
        buffers = [machine.array(array) for array in arrays]
        out = machine.empty(count, dtype(stored), name="out")
        report = machine.launch(
            "elementwise",
            grid=-(-count // BLOCK),
            block=BLOCK,
            args=[count, out, *buffers],
            budget=1_000_000,
            counters=False,
        )
        assert report.faults == (), report.faults
        return out.numpy()


@functools.cache
def _module(instruction: str, result: str, inputs: tuple[tuple[str, str], ...]) -> Module:
    return Module(_ptx(instruction, result, inputs))


def _ptx(instruction: str, result: str, inputs: tuple[tuple[str, str], ...]) -> str:
    stored = "u32" if result == "pred" else result
    registers = [f"  .reg .{_TYPES[kind][2]} {name};" for name, kind in inputs]
    registers.append(f"  .reg .{'pred' if result == 'pred' else _TYPES[result][2]} d;")
    loads = [line for name, kind in inputs for line in _load(name, kind)]
    value = ["  selp.u32 bit, 1, 0, d;"] if result == "pred" else []
    store = f"  st.global.{_TYPES[stored][1]} [address], {'bit' if result == 'pred' else 'd'};"
    parameters = ", ".join([".param .u32 count", ".param .u64 out", *(f".param .u64 in_{name}" for name, _ in inputs)])
    return "\n".join(
        [
            ".version 8.6\n.target sm_90\n.address_size 64",
            f".visible .entry elementwise({parameters})\n{{",
            "  .reg .pred outside;\n  .reg .b32 index, first, length, limit, bit;\n  .reg .b64 base, address;",
            *registers,
            "  mov.u32 index, %tid.x;\n  mov.u32 first, %ctaid.x;\n  mov.u32 length, %ntid.x;",
            "  mad.lo.u32 index, first, length, index;\n  ld.param.u32 limit, [count];",
            "  setp.ge.u32 outside, index, limit;\n  @outside bra END;",
            *loads,
            f"  {instruction}",
            *value,
            *_address("out", stored),
            store,
            "END:\n  ret;\n}\n",
        ]
    )


def _address(parameter: str, kind: str) -> list[str]:
    size = np.dtype(_TYPES[kind][0]).itemsize
    return [f"  ld.param.u64 base, [{parameter}];", f"  mad.wide.u32 address, index, {size}, base;"]


def _load(name: str, kind: str) -> list[str]:
    return [*_address(f"in_{name}", kind), f"  ld.global.{_TYPES[kind][1]} {name}, [address];"]
