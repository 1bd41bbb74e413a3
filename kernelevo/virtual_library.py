"""The library of the virtual GPU as Python sees it: what sandbox/vgpu/capi.h declares, for ctypes, and its answers as
exceptions. Everything that a person calls is in kernelevo/virtual.py.

Every text that a function of the library gives back belongs to the caller: `take` and `check` free it.
"""

from __future__ import annotations

import ctypes
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NoReturn

from kernelevo import native
from kernelevo import virtual_arguments as arguments
from kernelevo.errors import BadInput, Infrastructure

LIBRARY = "libkernelevo_vgpu.so"
MAX_CACHE_BYTES = 1 << 30  # of the model, which keeps a sixteenth of it in this machine's memory

_BAD_PTX, _BAD_CALL, _OUT_OF_MEMORY = 1, 2, 3  # vgpu_status in capi.h


class PtxError(BadInput):
    """The text is not PTX; `line` is the first line (1-based) that is wrong, `diagnostics` are all (line, message)."""

    def __init__(self, diagnostics: Sequence[tuple[int, str]]):
        self.diagnostics = tuple(diagnostics)
        self.line = self.diagnostics[0][0]
        super().__init__("; ".join(f"line {line} of the PTX: {message}" for line, message in self.diagnostics))


class VirtualGpuDefect(Infrastructure):
    """The virtual GPU contradicted itself: please report it, with the PTX."""


@dataclass(frozen=True)
class Timing:
    """Latencies in cycles and cache sizes in bytes that the cache model and the scoreboard use (vgpu::Timing).

    `l1_bytes` is the share of one block: divide an SM's by the blocks that are resident on it.
    """

    alu: int = 4
    fp64: int = 8
    special: int = 18
    shared: int = 24
    l1_hit: int = 34
    l2_hit: int = 260
    dram: int = 560
    atomic: int = 300
    shuffle: int = 24
    barrier: int = 20
    constant: int = 8
    matrix: int = 33
    l1_bytes: int = 128 << 10
    l2_bytes: int = 50 << 20

    def __post_init__(self) -> None:
        for each in fields(self):
            most = MAX_CACHE_BYTES if each.name.endswith("_bytes") else arguments.U32
            arguments.whole(f"Timing.{each.name}", getattr(self, each.name), most)


class Limits(ctypes.Structure):
    """vgpu_limits in capi.h."""

    _fields_ = [
        ("threads_per_block", ctypes.c_uint32),
        ("shared_bytes_per_block", ctypes.c_uint32),
        ("sms", ctypes.c_uint32),
        ("memory_bytes", ctypes.c_uint64),
    ]


class TimingStruct(ctypes.Structure):
    """vgpu_timing in capi.h."""

    _fields_ = [
        (field.name, ctypes.c_uint64 if field.name.endswith("_bytes") else ctypes.c_uint32) for field in fields(Timing)
    ]


class LaunchRequest(ctypes.Structure):
    """vgpu_launch in capi.h."""

    _fields_ = [
        ("kernel", ctypes.c_char_p),
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("dynamic_shared_bytes", ctypes.c_uint32),
        ("cooperative", ctypes.c_uint32),
        ("params", ctypes.c_char_p),
        ("param_bytes", ctypes.c_size_t),
    ]


class Options(ctypes.Structure):
    """vgpu_options in capi.h."""

    _fields_ = [
        ("counters", ctypes.c_uint32),
        ("lines", ctypes.c_uint32),
        ("caches", ctypes.c_uint32),
        ("scoreboard", ctypes.c_uint32),
        ("track_uninitialised", ctypes.c_uint32),
        ("check_races", ctypes.c_uint32),
        ("plain", ctypes.c_uint32),
        ("max_faults", ctypes.c_uint32),
        ("threads", ctypes.c_uint32),
        ("order", ctypes.c_uint64),
        ("sample_blocks", ctypes.c_uint32),
        ("sample_only", ctypes.c_uint32),
        ("sample_seed", ctypes.c_uint64),
        ("timing", ctypes.POINTER(TimingStruct)),
    ]


def timing_pointer(timing: Timing | None) -> Any:
    """None, as the library takes it, stands for the default."""
    if timing is None:
        return None
    if not isinstance(timing, Timing):
        raise BadInput(f"timing is a Timing or None, not {arguments.shown(timing)}")
    return ctypes.pointer(TimingStruct(*(getattr(timing, field.name) for field in fields(Timing))))


@functools.cache
def open_library() -> ctypes.CDLL:
    """Loads the library, once; raises what native.path raises where it is not installed."""
    library = ctypes.CDLL(str(native.path(LIBRARY)))
    pointer, text, number = ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_uint64
    signatures = {
        "vgpu_module_load": (ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(pointer), text),
        "vgpu_module_kernels": (pointer, text),
        "vgpu_module_target": (pointer, text),
        "vgpu_module_instructions": (pointer, text),
        "vgpu_forms": (text,),
        "vgpu_machine_create": (pointer, ctypes.POINTER(Limits), ctypes.POINTER(pointer), text),
        "vgpu_machine_allocate": (pointer, ctypes.c_char_p, number, ctypes.c_uint32, ctypes.POINTER(number), text),
        "vgpu_machine_write": (pointer, number, pointer, number, text),
        "vgpu_machine_read": (pointer, number, pointer, number, text),
        "vgpu_machine_poison": (pointer, number, number, text),
        "vgpu_machine_set_poison": (pointer, ctypes.c_uint32, text),
        "vgpu_machine_first_uninitialised": (pointer, number, number, ctypes.POINTER(ctypes.c_int64), text),
        "vgpu_machine_launch": (pointer, ctypes.POINTER(LaunchRequest), ctypes.POINTER(Options), number, text),
    }
    for name, types in signatures.items():
        function = getattr(library, name)
        function.argtypes, function.restype = types, ctypes.c_int
    for name in ("vgpu_free_text", "vgpu_module_free", "vgpu_machine_free"):
        function = getattr(library, name)
        function.argtypes, function.restype = (pointer,), None
    return library


def take(library: ctypes.CDLL, text: ctypes.c_char_p) -> str:
    """The text, which is freed."""
    value = (text.value or b"").decode()
    library.vgpu_free_text(text)
    return value


def check(library: ctypes.CDLL, status: int, text: ctypes.c_char_p, *, answers: bool = False) -> None:
    """Raises what `status` says, with the text as its message. Frees the text, unless it `answers`: then `take` it."""
    if status != 0:
        _raise(status, take(library, text))
    if not answers:
        library.vgpu_free_text(text)


def _raise(status: int, message: str) -> NoReturn:
    if status == _BAD_PTX:
        raise PtxError([(item["ptx_line"], item["message"]) for item in json.loads(message)])
    if status == _OUT_OF_MEMORY:
        raise BadInput(f"{message}; ask for less, or set memory_bytes to what this machine can give")
    if status == _BAD_CALL:
        raise BadInput(message)
    raise VirtualGpuDefect(message)
