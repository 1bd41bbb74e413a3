"""The driver `pycuda:N`: CUDA through PyCUDA (extra `pycuda`), for those whose toolkit can build it. Imported in a
driver's process only.

UNMEASURED: the calls are those of PyCUDA's source, and tests run this file on a fake of them; it has run on no card.
PyCUDA launches neither cooperatively nor in clusters; such a launch is "unsupported". Its exceptions tell no number,
so that errors are known by CUDA's words for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from kernelevo.devices.drivers.card import CardDriver, open_card
from kernelevo.devices.drivers.libcuda import CudaError, LibCuda
from kernelevo.errors import BadInput, NotInstalled
from kernelevo.interfaces import DriverLaunch
from kernelevo.measurement import Card

INSTALL = 'pip install "kernelevo[pycuda]"'
_UNSUPPORTED = 801
_UNKNOWN = 999
# What cuGetErrorString says of each CUresult that a driver tells apart.
_WORDS = {
    "invalid argument": 1, "out of memory": 2, "an illegal memory access was encountered": 700,
    "too many resources requested for launch": 701, "the launch timed out and was terminated": 702,
    "device-side assert triggered": 710, "hardware stack error": 714, "an illegal instruction was encountered": 715,
    "misaligned address": 716, "operation not supported on global/shared address space": 717,
    "invalid program counter": 718, "unspecified launch failure": 719,
}  # fmt: skip
_Answer = TypeVar("_Answer")


def open_pycuda(number: int) -> CardDriver:
    """The driver of card `number`. Raises NotInstalled for a missing package or driver, BadInput for a missing card,
    Infrastructure for one that does not open.
    """
    return open_card(f"pycuda:{number}", lambda: PycudaCalls(number))


class PycudaCalls:
    """Implements CudaCalls on a context of its own on card `number`."""

    def __init__(self, number: int) -> None:
        try:
            import pycuda.driver as cuda
        except ImportError as error:
            raise NotInstalled(f"the driver pycuda needs PyCUDA ({error}); run: {INSTALL}") from error
        self._cuda = cuda
        self._library = LibCuda()
        self._do(cuda.init)
        count = self._do(cuda.Device.count)
        if number >= count:
            raise BadInput(f"there is no card {number} here; there are {count}, numbered from 0")
        self._context = self._do(self._do(cuda.Device, number).make_context)
        self._card = self._library.card(number)
        self._events = [cuda.Event(), cuda.Event()]
        self._held: dict[int, Any] = {}

    def card(self) -> Card:
        import pycuda

        return replace(self._card, versions={**self._card.versions, "pycuda": pycuda.VERSION_TEXT})

    def load_module(self, content: bytes) -> Any:
        return self._do(self._cuda.module_from_buffer, content)

    def function(self, module: Any, name: str) -> Any:
        return self._do(module.get_function, name)

    def allow_shared(self, function: Any, size: int) -> None:
        attribute = self._cuda.function_attribute.MAX_DYNAMIC_SHARED_SIZE_BYTES
        self._do(function.set_attribute, attribute, size)

    def allocate(self, size: int) -> int:
        memory = self._do(self._cuda.mem_alloc, size)
        self._held[int(memory)] = memory
        return int(memory)

    def free(self, address: int) -> None:
        self._do(self._held.pop(address).free)

    def copy_in(self, address: int, data: bytes | memoryview) -> None:
        self._do(self._cuda.memcpy_htod, address, data)

    def copy_out(self, address: int, size: int) -> bytes:
        content = bytearray(size)
        self._do(self._cuda.memcpy_dtoh, content, address)
        return bytes(content)

    def copy_on_card(self, target: int, source: int, size: int) -> None:
        self._do(self._cuda.memcpy_dtod, target, source, size)

    def set_bytes(self, address: int, value: int, size: int) -> None:
        self._do(self._cuda.memset_d8, address, value, size)

    def launch(self, function: Any, launch: DriverLaunch, offsets: Sequence[int]) -> None:
        if launch.cooperative or launch.cluster != (1, 1, 1):
            raise CudaError(_UNSUPPORTED, "PyCUDA launches neither cooperatively nor in clusters; use the driver cupy")
        block = launch.parameters
        # The whole parameter block passes as one argument: its layout is that of the kernel already.
        function.prepare([f"{len(block)}s"] if block else [])
        given = (block,) if block else ()
        self._do(function.prepared_call, launch.grid, launch.block, *given, shared_size=launch.shared_bytes)

    def begin(self) -> None:
        self._do(self._events[0].record)

    def end(self) -> float:
        first, second = self._events
        self._do(second.record)
        self._do(second.synchronize)
        milliseconds: float = self._do(second.time_since, first)
        return milliseconds * 1e3

    def forbid_persisting_l2(self) -> None:
        self._library.forbid_persisting_l2(self._card.arch)

    def reset_persisting_l2(self) -> None:
        self._library.reset_persisting_l2(self._card.arch)

    def close(self) -> None:
        self._do(self._context.pop)
        self._do(self._context.detach)

    def _do(self, function: Callable[..., _Answer], *arguments: Any, **named: Any) -> _Answer:
        try:
            return function(*arguments, **named)
        except self._cuda.Error as error:
            words = str(error)
            status = next((number for phrase, number in _WORDS.items() if phrase in words), _UNKNOWN)
            raise CudaError(status, words) from error
