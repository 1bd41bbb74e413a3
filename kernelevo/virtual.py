"""The virtual GPU as a Python API: PTX in; results, faults and exact counts out. No GPU, no driver, no CUDA.

    from kernelevo.virtual import Machine, Module

    with Machine(Module(ptx), memory_bytes=1 << 28) as machine:
        x = machine.array(numpy.arange(4096, dtype=numpy.float32))
        y = machine.empty(4096, numpy.float32)
        report = machine.launch("scale", grid=16, block=256, args=[x, y, 4096, 1.5], budget=10**7)
        assert not report.faults
        print(y.numpy(), report.counts["global_load_sectors"])

A fault of the program (out of bounds, a divergent barrier, ...) is a value in the report; a mistake of the caller
raises. It runs in this process, which is right for tests and for one's own kernels; text that nobody vouches for
belongs behind the wall (kernelevo.evaluators). What callers give is checked by kernelevo/virtual_arguments.py; the
library behind it all is loaded by kernelevo/virtual_library.py.

Limits: a Machine must not be used by two threads at once. Cache operators are ignored; times are not modelled here.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from kernelevo import virtual_arguments as arguments
from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.types import Dim3, Fault, LineCounts, Parameter, Party, Sample, SourceLine
from kernelevo.virtual_library import (
    LaunchRequest,
    Limits,
    Options,
    PtxError,
    Timing,
    VirtualGpuDefect,
    check,
    open_library,
    take,
    timing_pointer,
)

MAX_THREADS = 256
MAX_FAULTS = 1000  # as compute-sanitizer and Oclgrind cap theirs, so that a bad kernel does not drown its reader

__all__ = [
    "Array", "Form", "Instruction", "Kernel", "LaunchReport", "Machine", "Module", "PtxError", "Sample", "Timing",
    "VirtualGpuDefect", "forms", "pack_arguments",
]  # fmt: skip


@dataclass(frozen=True)
class Kernel:
    """What the PTX says of one entry. `max_threads` is .maxntid or .reqntid, zeros where not given; sizes in bytes."""

    name: str
    parameters: tuple[Parameter, ...]
    parameter_bytes: int
    static_shared_bytes: int
    local_bytes: int
    max_threads: Dim3
    instructions: int


@dataclass(frozen=True)
class LaunchReport:
    """What one launch did. Empty `faults`: it ran to its end, and nothing was found.

    `remarks` are suspicious, but decide nothing. `counts` are the exact integers of vgpu::Counts, those by class as
    "warp.fp32", "thread.fp32" and "slots.fp32".
    `needs_one_thread`: only after a launch on several threads; the order of blocks decides the outcome, so launch again
    on one, from the memory as it was before. `sample` is vgpu::SampleReport, whose strata hold the counts of sampled
    blocks. `json` is the text it was read from.
    """

    faults: tuple[Fault, ...]
    remarks: tuple[Fault, ...]
    counts: Mapping[str, int]
    lines: tuple[LineCounts, ...]
    printed: str
    needs_one_thread: bool
    sample: Mapping[str, Any]
    json: str

    @classmethod
    def from_json(cls, text: str) -> LaunchReport:
        """Reads what sandbox/vgpu/report_json.h writes; raises BadInput where it is anything else."""
        try:
            return cls._read(text)
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise BadInput(
                f"the text {arguments.shown(text)} is no launch report; give the `json` of a LaunchReport"
            ) from exc

    @classmethod
    def _read(cls, text: str) -> LaunchReport:
        data = json.loads(text)
        return cls(
            faults=tuple(_fault(item) for item in data["faults"]),
            remarks=tuple(_fault(item) for item in data["remarks"]),
            counts=MappingProxyType(_flat_counts(data["counts"])),
            lines=tuple(_line_counts(item) for item in data["lines"]),
            printed=data["printed"],
            needs_one_thread=bool(data["needs_one_thread"]),
            sample=_sample(data["sample"]),
            json=text,
        )


@dataclass(frozen=True)
class Form:
    """A row of the table of instruction forms; `section` is its anchor in the PTX manual."""

    name: str
    pattern: str
    cls: str
    slots: int
    section: str


@dataclass(frozen=True)
class Instruction:
    """An instruction of a kernel, and the name of the Form that executes it."""

    kernel: str
    ptx_line: int
    instruction: str
    form: str
    refused: str


def forms() -> tuple[Form, ...]:
    """Every instruction form that the virtual GPU executes, in the order of its table."""
    library, text = open_library(), ctypes.c_char_p()
    check(library, library.vgpu_forms(ctypes.byref(text)), text, answers=True)
    items = json.loads(take(library, text))
    return tuple(Form(item["name"], item["pattern"], item["class"], item["slots"], item["section"]) for item in items)


class Module:
    """Parsed PTX. Raises PtxError when the text is not PTX.

    An instruction that the virtual GPU does not know is no error here; reaching it is a fault of kind "unsupported".
    """

    def __init__(self, ptx: str):
        library, text, data = open_library(), ctypes.c_char_p(), _utf8(ptx)
        self._handle = ctypes.c_void_p()
        status = library.vgpu_module_load(data, len(data), ctypes.byref(self._handle), ctypes.byref(text))
        check(library, status, text)
        self.kernels = tuple(_kernel(item) for item in json.loads(self._text(library.vgpu_module_kernels)))
        self.target = self._text(library.vgpu_module_target)

    def kernel(self, name: str) -> Kernel:
        """The entry called `name`; raises BadInput with the names there are."""
        for kernel in self.kernels:
            if isinstance(name, str) and kernel.name == name:
                return kernel
        names = ", ".join(kernel.name for kernel in self.kernels) or "none"
        raise BadInput(f"the module has no kernel {arguments.shown(name)}; its kernels are: {names}")

    def instructions(self) -> tuple[Instruction, ...]:
        """Every instruction that the kernels reach; those with a reason in `refused` are not executed."""
        return tuple(Instruction(**item) for item in json.loads(self._text(open_library().vgpu_module_instructions)))

    def _text(self, call: Any) -> str:
        library, text = open_library(), ctypes.c_char_p()
        check(library, call(self._handle, ctypes.byref(text)), text, answers=True)
        return take(library, text)

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            open_library().vgpu_module_free(self._handle)


@dataclass(frozen=True, eq=False)
class Array:
    """Device memory with a shape and a dtype, made by Machine.array or Machine.empty; an argument of a launch."""

    _machine: Machine = field(repr=False)
    name: str
    address: int = field(repr=False)
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    nbytes: int = field(repr=False)

    def numpy(self) -> npt.NDArray[Any]:
        """A copy of the content as it is now."""
        out = np.empty(self.shape, self.dtype)
        self._machine._call("vgpu_machine_read", self.address, out.ctypes.data, out.nbytes)
        return out

    def write(self, values: npt.ArrayLike) -> None:
        """Replaces the content; raises BadInput when the shape differs, or a value does not fit the dtype."""
        data = arguments.numbers_for(self.name, values, self.shape, self.dtype)
        self._machine._call("vgpu_machine_write", self.address, data.ctypes.data, data.nbytes)

    def poison(self) -> None:
        """Fills it with the poison pattern and marks it uninitialised."""
        self._machine._call("vgpu_machine_poison", self.address, self.nbytes)

    def first_uninitialised(self) -> int:
        """Offset of the first byte that nobody has written, or -1; exact if every launch had track_uninitialised."""
        offset = ctypes.c_int64()
        self._machine._call("vgpu_machine_first_uninitialised", self.address, self.nbytes, ctypes.byref(offset))
        return offset.value


Argument = Array | int | float | bytes | np.generic


class Machine:
    """One device memory, and launches of one module's kernels on it. Closing it, or its `with`, frees the memory.

    `memory_bytes` is all that may be allocated; `poison` the 32-bit pattern that uninitialised memory and registers
    read as (the default is a NaN as f32, and a huge number as an index).
    """

    def __init__(
        self,
        module: Module,
        memory_bytes: int = 8 << 30,
        *,
        threads_per_block: int = 1024,
        shared_bytes_per_block: int = 99 << 10,
        sms: int = 108,
        poison: int = 0x7FF7C0DE,
    ):
        if not isinstance(module, Module):
            raise BadInput(f"a Machine runs a Module, not {arguments.shown(module)}; make one of the text: Module(ptx)")
        self.module, self._arrays = module, 0
        self._handle: ctypes.c_void_p | None = ctypes.c_void_p()
        library, text = open_library(), ctypes.c_char_p()
        limits = Limits(
            arguments.whole("threads_per_block", threads_per_block, arguments.U32, least=1),
            arguments.whole("shared_bytes_per_block", shared_bytes_per_block, arguments.U32),
            arguments.whole("sms", sms, arguments.U32, least=1),
            arguments.whole("memory_bytes", memory_bytes, arguments.MAX_BYTES),
        )
        poison = arguments.whole("poison", poison, arguments.U32)
        status = library.vgpu_machine_create(
            module._handle, ctypes.byref(limits), ctypes.byref(self._handle), ctypes.byref(text)
        )
        check(library, status, text)
        self._call("vgpu_machine_set_poison", poison)

    def array(self, values: npt.ArrayLike, *, name: str = "", skew: int = 0) -> Array:
        """Copies `values` to the device. Its address is 256-byte aligned plus `skew` bytes."""
        data = arguments.numbers(values)
        array = self.empty(data.shape, data.dtype, name=name, skew=skew)
        array.write(data)
        return array

    def empty(
        self, shape: int | tuple[int, ...], dtype: npt.DTypeLike = np.float32, *, name: str = "", skew: int = 0
    ) -> Array:
        """Uninitialised device memory: it reads as the poison pattern. Raises BadInput beyond `memory_bytes`."""
        kind = arguments.element_type(dtype)
        shape = arguments.sizes("an array", shape, 0, arguments.MAX_DIMENSIONS, arguments.MAX_BYTES)
        label = arguments.text("the name of an array", name) or b"array%d" % self._arrays
        bytes_ = arguments.array_bytes(label.decode(), shape, kind)
        skew = arguments.whole("skew", skew, arguments.U32)
        address = ctypes.c_uint64()
        self._call("vgpu_machine_allocate", label, bytes_, skew, ctypes.byref(address))
        self._arrays += 1
        return Array(self, label.decode(), address.value, shape, kind, bytes_)

    def read(self, address: int, size: int) -> bytes:
        """The bytes at a device address; raises BadInput unless all of them lie in one allocation."""
        out = np.empty(arguments.whole("the number of bytes to read", size, arguments.MAX_BYTES), np.uint8)
        place = arguments.whole("an address", address, arguments.U64)
        self._call("vgpu_machine_read", place, out.ctypes.data, out.nbytes)
        return out.tobytes()

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Writes bytes to a device address; raises BadInput unless all of them lie in one allocation."""
        content = np.frombuffer(data, np.uint8)
        place = arguments.whole("an address", address, arguments.U64)
        self._call("vgpu_machine_write", place, content.ctypes.data, content.nbytes)

    def launch(
        self,
        kernel: str,
        *,
        grid: int | Sequence[int],
        block: int | Sequence[int],
        args: Sequence[Argument],
        budget: int,
        shared_bytes: int = 0,
        cooperative: bool = False,
        counters: bool = True,
        lines: bool = False,
        caches: bool = False,
        scoreboard: bool = False,
        track_uninitialised: bool = False,
        check_races: bool = False,
        max_faults: int = 1,
        threads: int = 1,
        plain: bool = False,
        order: int = 0,
        sample: Sample | None = None,
        timing: Timing | None = None,
    ) -> LaunchReport:
        """Runs one launch to its end, its first fault, or until `budget` warp instructions have run.

        With `check_races` it also looks for accesses to shared and global memory that nothing orders (not together with
        tracking, caches or scoreboard). With `max_faults` above 1 it goes on after faults that leave it something to
        do, until there are so many different ones.

        `threads` of the host share the blocks where these cannot depend on each other; results and counts are those of
        one thread, unless the report says `needs_one_thread`.

        Blocks begin and warps take turns as they are numbered, or, where `order` is not 0, in an order drawn from this
        seed: results of a program without races do not depend on it, but for the order of atomic updates.

        With a `sample`, L1 and the scoreboard are modelled on some blocks only, if blocks cannot depend on each other.

        `args` are packed by the types that the kernel declares: an Array passes its address, bytes a struct by value.
        With `plain` no quick path is taken: the same results and counts, slower, to compare the quick ones with.
        Raises BadInput for an unknown kernel or arguments that do not fit.
        """
        if check_races and (track_uninitialised or caches or scoreboard):
            raise BadInput("check_races goes without track_uninitialised, caches and scoreboard: launch again")
        request = self._request(kernel, grid, block, args, shared_bytes, cooperative)
        options = Options(
            arguments.flag("counters", counters),
            arguments.flag("lines", lines),
            arguments.flag("caches", caches),
            arguments.flag("scoreboard", scoreboard),
            arguments.flag("track_uninitialised", track_uninitialised),
            arguments.flag("check_races", check_races),
            arguments.flag("plain", plain),
            arguments.whole("max_faults", max_faults, MAX_FAULTS, least=1),
            arguments.whole("the number of threads of the host", threads, MAX_THREADS, least=1),
            arguments.whole("the seed of an order", order, 2**64 - 1),
            *arguments.sampling(sample),
            timing_pointer(timing),
        )
        budget = arguments.whole("budget", budget, arguments.U64)
        text = ctypes.c_char_p()
        self._call("vgpu_machine_launch", ctypes.byref(request), ctypes.byref(options), budget, text=text)
        return LaunchReport._read(take(open_library(), text))

    def _request(
        self, name: str, grid: int | Sequence[int], block: int | Sequence[int], args: Sequence[Argument],
        shared_bytes: int, cooperative: bool,
    ) -> LaunchRequest:  # fmt: skip
        declared = self.module.kernel(name)
        params = pack_arguments(declared, args)
        self._require_own(args)
        return LaunchRequest(
            declared.name.encode(),
            arguments.dimensions("the grid", grid),
            arguments.dimensions("the block", block),
            arguments.whole("shared_bytes", shared_bytes, arguments.U32),
            arguments.flag("cooperative", cooperative),
            params,
            len(params),
        )

    def _require_own(self, args: Sequence[Argument]) -> None:
        for index, value in enumerate(args):
            if isinstance(value, Array) and value._machine is not self:
                raise BadInput(f"argument {index} is array {value.name} of another machine; copy it to this one")

    def close(self) -> None:
        """Frees the device memory; the machine and its arrays cannot be used afterwards."""
        if self._handle:
            open_library().vgpu_machine_free(self._handle)
        self._handle = None

    def _call(self, name: str, *args: Any, text: ctypes.c_char_p | None = None) -> None:
        if self._handle is None:
            raise BadInput("the machine is closed; make a new one")
        library, message = open_library(), ctypes.c_char_p() if text is None else text
        status = getattr(library, name)(self._handle, *args, ctypes.byref(message))
        check(library, status, message, answers=text is not None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()


def pack_arguments(kernel: Kernel, args: Sequence[Argument]) -> bytes:
    """The parameter block of a launch, little-endian; raises BadInput naming the argument that does not fit."""
    if not isinstance(kernel, Kernel):
        raise BadInput(f"arguments are packed for a Kernel, not {arguments.shown(kernel)}; take one of Module.kernels")
    if not isinstance(args, Sequence) or isinstance(args, str | bytes | bytearray):
        raise BadInput(f"args is a list of the kernel's arguments, not {arguments.shown(args)}")
    if len(args) != len(kernel.parameters):
        types = ", ".join(parameter.type for parameter in kernel.parameters)
        taken = counted(len(kernel.parameters), "argument")
        raise BadInput(f"kernel {kernel.name} takes {taken} ({types}), not {len(args)}")
    block = bytearray(kernel.parameter_bytes)
    for index, (parameter, value) in enumerate(zip(kernel.parameters, args, strict=True)):
        if isinstance(value, Array):
            data = arguments.pointer_bytes(parameter, value.address)
        else:
            data = arguments.scalar_bytes(parameter, value)
        if data is None:
            raise BadInput(
                f"argument {index} of {kernel.name} is {arguments.shown(value)}, which does not fit .{parameter.type} "
                f"of {parameter.bytes} bytes; give {arguments.wanted(parameter)}"
            )
        block[parameter.offset : parameter.offset + parameter.bytes] = data
    return bytes(block)


def _utf8(ptx: str) -> bytes:
    if not isinstance(ptx, str):
        raise BadInput(f"the PTX of a Module is text (str), not {arguments.shown(ptx)}; read or decode it first")
    try:
        return ptx.encode()
    except UnicodeEncodeError as exc:
        line = ptx.count("\n", 0, exc.start) + 1
        raise PtxError([(line, "half of a surrogate pair, which no file can hold; remove it")]) from exc


def _kernel(data: Mapping[str, Any]) -> Kernel:
    return Kernel(
        name=data["name"],
        parameters=tuple(Parameter(item["type"], item["offset"], item["size"]) for item in data["params"]),
        parameter_bytes=data["param_bytes"],
        static_shared_bytes=data["static_shared_bytes"],
        local_bytes=data["local_bytes"],
        max_threads=_triple(data["max_threads"]),
        instructions=data["instructions"],
    )


def _triple(values: Sequence[int]) -> Dim3:
    x, y, z = values
    return x, y, z


def _fault(data: Mapping[str, Any]) -> Fault:
    return Fault(**{**data, **_place(data), "others": tuple(_party(item) for item in data["others"])})


def _party(data: Mapping[str, Any]) -> Party:
    return Party(**{**data, **_place(data)})


def _place(data: Mapping[str, Any]) -> dict[str, Any]:
    source = SourceLine(**data["source"])
    return {"block": _triple(data["block"]), "thread": _triple(data["thread"]), "source": source}


def _line_counts(data: Mapping[str, Any]) -> LineCounts:
    return LineCounts(**{**data, "source": SourceLine(**data["source"])})


def _sample(data: Mapping[str, Any]) -> Mapping[str, Any]:
    strata = [{**stratum, "counts": _flat_counts(stratum["counts"])} for stratum in data["strata"]]
    return MappingProxyType({**data, "only": bool(data["only"]), "strata": strata})


def _flat_counts(data: Mapping[str, Any]) -> dict[str, int]:
    flat: dict[str, int] = {}
    for name, value in data.items():
        if isinstance(value, dict):
            prefix = name.removesuffix("_by_class")
            flat.update({f"{prefix}.{kind}": number for kind, number in value.items()})
        else:
            flat[name] = value
    return flat
