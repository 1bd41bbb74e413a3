"""pycuda.driver on the imitated CUDA of fake_cuda.py: only what kernelevo/devices/drivers/pycuda.py calls."""

from __future__ import annotations

import re
import struct
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kernelevo.devices.gpus import gpu
from kernelevo.interfaces import DriverLaunch
from kernelevo.types import Dim3

if TYPE_CHECKING:
    from drivers.fake_cuda import FakeCard


class FakePycuda(types.ModuleType):
    """The module. `Failed` of fake_cuda becomes `Error`, whose text is all that it tells."""

    VERSION_TEXT = "2026.1"
    function_attribute = types.SimpleNamespace(MAX_DYNAMIC_SHARED_SIZE_BYTES="shared")

    class Error(Exception):
        pass

    def __init__(self, card: FakeCard, failed: type[Exception]) -> None:
        super().__init__("pycuda.driver")
        self.card = card
        self._failed = failed
        self.Device = Devices(card)

    def do(self, name: str, work: Callable[[], Any]) -> Any:
        try:
            self.card.check(name)
            return self.card.memory(work)
        except self._failed as failed:
            raise self.Error(str(failed)) from failed

    def init(self) -> None:
        self.card.calls.append("init")

    def Event(self) -> Event:
        return Event(self)

    def module_from_buffer(self, content: bytes) -> LoadedModule:
        return LoadedModule(self, content)

    def mem_alloc(self, size: int) -> Allocation:
        return Allocation(self, size)

    def memset_d8(self, address: int, value: int, size: int) -> None:
        if value == 0:
            self.do("memset", lambda: self.card.clear(address, size))
        else:
            self.do("memset", lambda: self.card.driver.write(address, bytes([value]) * size))

    def memcpy_htod(self, address: int, data: bytes) -> None:
        self.do("htod", lambda: self.card.driver.write(address, data))

    def memcpy_dtoh(self, target: bytearray, source: int) -> None:
        target[:] = self.do("dtoh", lambda: self.card.driver.read(source, len(target)))

    def memcpy_dtod(self, target: int, source: int, size: int) -> None:
        self.do("dtod", lambda: self.card.driver.write(target, self.card.driver.read(source, size)))


class Devices:
    """pycuda.driver.Device: a class with a count, whose objects make contexts."""

    def __init__(self, card: FakeCard) -> None:
        self._card = card

    def __call__(self, number: int) -> Devices:
        assert number < self._card.cards
        return self

    def count(self) -> int:
        return self._card.cards

    def make_context(self) -> Context:
        return Context(self._card)


class Context:
    def __init__(self, card: FakeCard) -> None:
        self._card = card

    def pop(self) -> None:
        self._card.calls.append("pop")

    def detach(self) -> None:
        self._card.calls.append("detach")


class Allocation:
    def __init__(self, cuda: FakePycuda, size: int) -> None:
        self._cuda = cuda
        self._address: int = cuda.do("malloc", lambda: cuda.card.driver.allocate(size))

    def __int__(self) -> int:
        return self._address

    def free(self) -> None:
        self._cuda.do("free", lambda: self._cuda.card.driver.free(self._address))


class LoadedModule:
    def __init__(self, cuda: FakePycuda, content: bytes) -> None:
        self._cuda = cuda
        self._handle: int = cuda.do("module", lambda: cuda.card.load(content))

    def get_function(self, name: str) -> Function:
        handle = self._cuda.do("function", lambda: self._cuda.card.function(self._handle, name))
        return Function(self._cuda, handle)


class Function:
    def __init__(self, cuda: FakePycuda, handle: int) -> None:
        self._cuda, self._handle, self._format = cuda, handle, ""

    def prepare(self, kinds: list[str]) -> None:
        assert all(re.fullmatch(r"\d+s", each) for each in kinds)
        self._format = "".join(kinds)

    def prepared_call(self, grid: Dim3, block: Dim3, *args: Any, shared_size: int = 0) -> None:
        packed, card = struct.pack(self._format, *args), self._cuda.card
        step = DriverLaunch(card.functions[self._handle], grid, block, shared_size, packed)
        self._cuda.do("launch", lambda: card.launch(self._handle, step))

    def set_attribute(self, attribute: str, value: int) -> None:
        assert attribute == "shared"
        if value > gpu("h100").shared_bytes_per_block:
            raise self._cuda.Error("cuFuncSetAttribute failed: invalid argument")
        self._cuda.card.allowed[self._cuda.card.functions[self._handle]] = value


class Event:
    def __init__(self, cuda: FakePycuda) -> None:
        self._cuda, self.at = cuda, 0.0

    def record(self) -> None:
        self.at = self._cuda.card.clock_us

    def synchronize(self) -> None:
        self._cuda.do("synchronize", self._cuda.card.wait)

    def time_since(self, other: Event) -> float:
        return (self.at - other.at) / 1e3
