"""A CUDA that is none: the calls of libcuda, CuPy and PyCUDA that drivers make, on the virtual GPU. As tinygrad's mock
of a GPU does, it lets the code for cards run where there is no card. Only what is used is imitated; all else fails.

Launches are asynchronous in that a fault shows when somebody waits, and from then on everywhere (sticky).
"""

from __future__ import annotations

import ctypes
import struct
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from drivers.fake_pycuda import FakePycuda

from kernelevo.devices.drivers import libcuda
from kernelevo.devices.drivers.virtual import VirtualDriver
from kernelevo.devices.fingerprints import KERNEL
from kernelevo.devices.gpus import gpu
from kernelevo.errors import Infrastructure
from kernelevo.interfaces import DriverClear, DriverLaunch
from kernelevo.measurement import CallFailure
from kernelevo.types import Image
from kernelevo.virtual import Machine, Module

WORDS = {
    1: "invalid argument", 2: "out of memory", 100: "no CUDA-capable device is detected", 700:
    "an illegal memory access was encountered", 716: "misaligned address", 719: "unspecified launch failure",
    801: "operation not supported",
}  # fmt: skip
_STATUS = {"out_of_bounds": 700, "misaligned": 716, "trap": 719, "invalid_launch": 1, "unsupported": 801}


class Failed(Exception):
    """What the imitated library reports."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"cuImitated failed: {WORDS.get(status, 'unknown error')}")


class FakeCard:
    """The state of one context. `images` are what cubins stand for: an image by the bytes of its cubin."""

    def __init__(self, image: Image, cards: int = 1) -> None:
        self.cards = cards
        self.driver = VirtualDriver(gpu("h100"))
        self.calls: list[str] = []
        self.launched: list[DriverLaunch] = []
        self.clock_us = 0.0
        self.allowed: dict[str, int] = {}
        self._image = image
        self._loaded = False
        self._pending = 0
        self._lost = 0
        self._helpers: dict[str, Machine] = {}
        self.modules: dict[int, bytes] = {}
        self.functions: dict[int, str] = {}

    def check(self, name: str) -> None:
        self.calls.append(name)
        if self._lost:
            raise Failed(self._lost)

    def wait(self) -> None:
        self._lost, self._pending = self._lost or self._pending, 0
        self.check("wait")

    def load(self, content: bytes) -> int:
        self.check("load")
        if content == self._image.cubin and not self._loaded:
            self.driver.load(self._image)
            self._loaded = True
        elif content.startswith(b"//") or content.startswith(b".version"):
            assert content.endswith(b"\0"), "PTX ends with a zero byte"
            module = Module(content[:-1].decode())
            self._helpers |= {kernel.name: Machine(module) for kernel in module.kernels}
        else:
            raise Failed(200)
        self.modules[len(self.modules) + 1] = content
        return len(self.modules)

    def function(self, module: int, name: str) -> int:
        self.check("function")
        known = {*self._helpers, *(kernel.name for kernel in self._image.kernels)}
        if module not in self.modules or name not in known:
            raise Failed(500)
        self.functions[1000 + len(self.functions)] = name
        return 999 + len(self.functions)

    def memory(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Infrastructure as error:
            raise Failed(2 if "memory" in str(error) else 1) from error

    def launch(self, function: int, step: DriverLaunch) -> None:
        name = self.functions[function]
        self.check(f"launch {name}")
        if name in self._helpers:
            return self._launch_helper(name, step)
        self.launched.append(step)
        if step.shared_bytes > self.allowed.get(name, 48 << 10):
            raise Failed(1)
        done = self.driver.call([step])
        if isinstance(done, CallFailure):
            if not done.sticky:
                raise Failed(_STATUS[done.fault.kind])
            self._pending = _STATUS[done.fault.kind]
            return None
        self.clock_us += done.event_us
        return None

    def clear(self, address: int, size: int) -> None:
        done = self.driver.call([DriverClear(address, size)])
        self.clock_us += 0 if isinstance(done, CallFailure) else done.event_us

    def parameters(self, name: str) -> list[tuple[int, int]]:
        """Offsets and sizes of a kernel's parameters."""
        if name in self._helpers:
            declared = self._helpers[name].module.kernel(name).parameters
        else:
            declared = next(kernel for kernel in self._image.kernels if kernel.name == name).parameters
        return [(each.offset, each.bytes) for each in declared]

    def _launch_helper(self, name: str, step: DriverLaunch) -> None:
        """In memory of its own, with what it needs copied there and back."""
        machine = self._helpers[name]
        if name != KERNEL:
            (nanoseconds,) = struct.unpack("<Q", step.parameters)
            report = machine.launch(name, grid=step.grid, block=step.block, args=[min(nanoseconds, 50)], budget=10**6)
            assert not report.faults, report.faults
            return
        address, size, key, total = struct.unpack("<4Q", step.parameters)
        data = np.frombuffer(self.driver.read(address, size), np.uint8)
        placed = machine.array(data, skew=address % 256)
        added = machine.array(np.frombuffer(self.driver.read(total, 8), np.uint64))
        report = machine.launch(name, grid=step.grid, block=step.block, args=[placed, size, key, added], budget=10**8)
        assert not report.faults, report.faults
        self.driver.write(total, added.numpy().tobytes())


class FakeLibCuda:
    """libcuda.so.1, as kernelevo.devices.drivers.libcuda calls it: arguments are those of C, answers are statuses."""

    def __init__(self, card: FakeCard) -> None:
        self._card = card

    def __getattr__(self, name: str) -> Callable[..., int]:
        work = getattr(type(self), f"_{name}")  # an AttributeError for a call that is not imitated

        def call(*arguments: Any) -> int:
            self._card.calls.append(name)
            try:
                work(self, *arguments)
            except Failed as failed:
                return failed.status
            return 0

        return call

    def _cuInit(self, flags: int) -> None:
        assert flags == 0
        if not self._card.cards:
            raise Failed(100)

    def _cuDeviceGet(self, device: Any, number: int) -> None:
        if number >= self._card.cards:
            raise Failed(101)
        device._obj.value = 40 + number

    def _cuDeviceGetName(self, name: Any, size: int, device: int) -> None:
        name.value = b"virtual H100"
        assert size == len(name) and device >= 40

    def _cuDeviceGetUuid_v2(self, identity: Any, device: int) -> None:
        identity._obj[:] = bytes(range(16))

    def _cuDriverGetVersion(self, version: Any) -> None:
        version._obj.value = 13020

    def _cuDeviceGetAttribute(self, value: Any, number: int, device: int) -> None:
        found = gpu("h100")
        value._obj.value = {
            16: found.sms, 10: 32, 1: 1024, 97: found.shared_bytes_per_block, 82: found.registers_per_sm,
            38: found.l2_bytes, 39: 2048, 75: 9, 76: 0,
        }[number]  # fmt: skip

    def _cuCtxSetLimit(self, limit: int, value: Any) -> None:
        assert (limit, value.value) == (6, 0)

    def _cuCtxResetPersistingL2Cache(self) -> None:
        self._card.check("reset")

    def _cuGetErrorString(self, status: int, words: Any) -> None:
        words._obj.value = WORDS.get(status, "unknown").encode()

    def _cuLaunchKernelEx(self, config: Any, function: Any, pointers: Any, extra: Any) -> None:
        asked = config._obj
        given = {attribute.id: tuple(attribute.value[:3]) for attribute in asked.attributes[: asked.count]}
        assert (extra, asked.stream, set(given) - {2, 4}) == (None, None, set())
        assert given.get(2, (1,))[0] == 1, "cooperative is 1 or not asked for"
        block = gather(self._card, function.value, ctypes.addressof(pointers))
        step = DriverLaunch(
            self._card.functions[function.value], tuple(asked.grid), tuple(asked.block), asked.shared_bytes, block,
            2 in given, given[4],
        )  # fmt: skip
        self._card.launch(function.value, step)


def gather(card: FakeCard, function: int, pointers: int) -> bytes:
    """The parameter block of a launch from an array of pointers to the parameters."""
    layout = card.parameters(card.functions[function])
    block = bytearray(max((offset + size for offset, size in layout), default=0))
    for index, (offset, size) in enumerate(layout):
        place = ctypes.c_void_p.from_address(pointers + 8 * index).value
        assert place, "a parameter without a place"
        block[offset : offset + size] = ctypes.string_at(place, size)
    return bytes(block)


class FakeCupyRuntime(types.SimpleNamespace):
    """cupy.cuda.runtime."""

    memcpyHostToDevice, memcpyDeviceToHost, memcpyDeviceToDevice = 1, 2, 3

    class CUDARuntimeError(RuntimeError):
        def __init__(self, status: int) -> None:
            self.status = status
            super().__init__(f"cudaErrorImitated: {WORDS.get(status, 'unknown')}")

    def __init__(self, card: FakeCard) -> None:
        self.card = card
        self._events: dict[int, float] = {}

    def _do(self, name: str, work: Callable[[], Any]) -> Any:
        try:
            self.card.check(name)
            return self.card.memory(work)
        except Failed as failed:
            raise self.CUDARuntimeError(failed.status) from failed

    def getDeviceCount(self) -> int:
        if not self.card.cards:
            raise self.CUDARuntimeError(100)
        return self.card.cards

    def setDevice(self, number: int) -> None:
        assert number < self.card.cards

    def malloc(self, size: int) -> int:
        return int(self._do("malloc", lambda: self.card.driver.allocate(size)))

    def free(self, address: int) -> None:
        if address:
            self._do("free", lambda: self.card.driver.free(address))

    def memcpy(self, target: int, source: int, size: int, kind: int) -> None:
        driver = self.card.driver

        def copy() -> None:
            if kind == self.memcpyHostToDevice:
                driver.write(target, ctypes.string_at(source, size))
            elif kind == self.memcpyDeviceToHost:
                ctypes.memmove(target, driver.read(source, size), size)
            else:
                driver.write(target, driver.read(source, size))

        self._do("memcpy", copy)

    def memsetAsync(self, address: int, value: int, size: int, stream: int) -> None:
        assert stream == 0 and 0 <= value < 256
        if value == 0:
            self._do("memset", lambda: self.card.clear(address, size))
        else:
            self._do("memset", lambda: self.card.driver.write(address, bytes([value]) * size))

    def eventCreate(self) -> int:
        self._events[len(self._events) + 1] = 0.0
        return len(self._events)

    def eventRecord(self, event: int, stream: int) -> None:
        assert stream == 0
        self._events[event] = self.card.clock_us

    def eventSynchronize(self, event: int) -> None:
        assert event in self._events
        try:
            self.card.wait()
        except Failed as failed:
            raise self.CUDARuntimeError(failed.status) from failed

    def eventElapsedTime(self, first: int, second: int) -> float:
        return (self._events[second] - self._events[first]) / 1e3


class FakeCupyDriver(types.SimpleNamespace):
    """cupy.cuda.driver."""

    class CUDADriverError(RuntimeError):
        def __init__(self, status: int) -> None:
            self.status = status
            super().__init__(f"CUDA_ERROR_IMITATED: {WORDS.get(status, 'unknown')}")

    def __init__(self, card: FakeCard) -> None:
        self.card = card

    def _do(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Failed as failed:
            raise self.CUDADriverError(failed.status) from failed

    def moduleLoadData(self, content: bytes) -> int:
        return int(self._do(lambda: self.card.load(content)))

    def moduleGetFunction(self, module: int, name: str) -> int:
        return int(self._do(lambda: self.card.function(module, name)))

    def funcSetAttribute(self, function: int, attribute: int, value: int) -> None:
        assert attribute == 8
        if value > gpu("h100").shared_bytes_per_block:
            raise self.CUDADriverError(1)
        self.card.allowed[self.card.functions[function]] = value

    def launchKernel(self, function: int, *rest: int) -> None:
        *sizes, shared, stream, pointers, extra = rest
        assert (stream, extra) == (0, 0)
        self._launch(function, sizes, shared, pointers, False)

    def launchCooperativeKernel(self, function: int, *rest: int) -> None:
        *sizes, shared, stream, pointers = rest
        assert stream == 0
        self._launch(function, sizes, shared, pointers, True)

    def _launch(self, function: int, sizes: list[int], shared: int, pointers: int, cooperative: bool) -> None:
        gx, gy, gz, bx, by, bz = sizes
        block = gather(self.card, function, pointers)
        name = self.card.functions[function]
        step = DriverLaunch(name, (gx, gy, gz), (bx, by, bz), shared, block, cooperative)
        self._do(lambda: self.card.launch(function, step))


def install(patch: Any, card: FakeCard) -> None:
    """Puts the fakes where the drivers import from; `patch` is pytest's monkeypatch."""
    cupy, cuda = types.ModuleType("cupy"), types.ModuleType("cupy.cuda")
    cupy.__version__, cupy.cuda = "14.2.0", cuda  # type: ignore[attr-defined]
    cuda.driver, cuda.runtime = FakeCupyDriver(card), FakeCupyRuntime(card)  # type: ignore[attr-defined]
    pycuda, driver = types.ModuleType("pycuda"), FakePycuda(card, Failed)
    pycuda.VERSION_TEXT, pycuda.driver = driver.VERSION_TEXT, driver  # type: ignore[attr-defined]
    for name, module in (("cupy", cupy), ("cupy.cuda", cuda), ("pycuda", pycuda), ("pycuda.driver", driver)):
        patch.setitem(sys.modules, name, module)
    patch.setattr(libcuda, "open_library", lambda: FakeLibCuda(card))
