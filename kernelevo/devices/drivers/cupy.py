"""The driver `cupy:N`: CUDA through CuPy's thin wrappers (extra `cuda`). Imported in a driver's process only.

Of CuPy only cupy.cuda.driver and cupy.cuda.runtime are used (checked against 14.2): no arrays, no pools, no compiler.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from kernelevo.devices.drivers.card import CardDriver, open_card
from kernelevo.devices.drivers.libcuda import CudaError, LibCuda, parameter_pointers
from kernelevo.errors import BadInput, NotInstalled
from kernelevo.interfaces import DriverLaunch
from kernelevo.measurement import Card

INSTALL = 'pip install "kernelevo[cuda]"'
_MAX_DYNAMIC_SHARED = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
_Answer = TypeVar("_Answer")


def open_cupy(number: int) -> CardDriver:
    """The driver of card `number`. Raises NotInstalled for a missing package or driver, BadInput for a missing card,
    Infrastructure for one that does not open.
    """
    return open_card(f"cupy:{number}", lambda: CupyCalls(number))


class CupyCalls:
    """Implements CudaCalls on the primary context of card `number`."""

    def __init__(self, number: int) -> None:
        try:
            from cupy.cuda import driver, runtime
        except ImportError as error:
            raise NotInstalled(f"the driver cupy needs CuPy ({error}); run: {INSTALL}") from error
        self._driver, self._runtime = driver, runtime
        self._library = LibCuda()
        try:
            count = self._do(runtime.getDeviceCount)
        except CudaError as error:
            raise NotInstalled(f"CuPy finds no CUDA card here ({error}); use a virtual device") from error
        if number >= count:
            raise BadInput(f"there is no card {number} here; there are {count}, numbered from 0")
        self._do(runtime.setDevice, number)
        self._do(runtime.free, 0)  # which makes the context
        self._card = self._library.card(number)
        self._events = [self._do(runtime.eventCreate) for _ in range(2)]

    def card(self) -> Card:
        import cupy

        return replace(self._card, versions={**self._card.versions, "cupy": cupy.__version__})

    def load_module(self, content: bytes) -> int:
        module: int = self._do(self._driver.moduleLoadData, content)
        return module

    def function(self, module: int, name: str) -> int:
        function: int = self._do(self._driver.moduleGetFunction, module, name)
        return function

    def allow_shared(self, function: int, size: int) -> None:
        self._do(self._driver.funcSetAttribute, function, _MAX_DYNAMIC_SHARED, size)

    def allocate(self, size: int) -> int:
        address: int = self._do(self._runtime.malloc, size)
        return address

    def free(self, address: int) -> None:
        self._do(self._runtime.free, address)

    def copy_in(self, address: int, data: bytes | memoryview) -> None:
        content = np.frombuffer(data, np.uint8)
        self._copy(address, content.ctypes.data, content.nbytes, self._runtime.memcpyHostToDevice)

    def copy_out(self, address: int, size: int) -> bytes:
        content = np.empty(size, np.uint8)
        self._copy(content.ctypes.data, address, size, self._runtime.memcpyDeviceToHost)
        return content.tobytes()

    def copy_on_card(self, target: int, source: int, size: int) -> None:
        self._copy(target, source, size, self._runtime.memcpyDeviceToDevice)

    def set_bytes(self, address: int, value: int, size: int) -> None:
        self._do(self._runtime.memsetAsync, address, value, size, 0)

    def launch(self, function: int, launch: DriverLaunch, offsets: Sequence[int]) -> None:
        pointers, memory = parameter_pointers(launch.parameters, offsets)
        sizes = (*launch.grid, *launch.block, launch.shared_bytes)
        if launch.cluster != (1, 1, 1):
            self._library.launch_in_clusters(function, launch, pointers)
        elif launch.cooperative:
            self._do(self._driver.launchCooperativeKernel, function, *sizes, 0, ctypes.addressof(pointers))
        else:
            self._do(self._driver.launchKernel, function, *sizes, 0, ctypes.addressof(pointers), 0)
        del memory  # CUDA has copied the parameters

    def begin(self) -> None:
        self._do(self._runtime.eventRecord, self._events[0], 0)

    def end(self) -> float:
        first, second = self._events
        self._do(self._runtime.eventRecord, second, 0)
        self._do(self._runtime.eventSynchronize, second)
        milliseconds: float = self._do(self._runtime.eventElapsedTime, first, second)
        return milliseconds * 1e3

    def forbid_persisting_l2(self) -> None:
        self._library.forbid_persisting_l2(self._card.arch)

    def reset_persisting_l2(self) -> None:
        self._library.reset_persisting_l2(self._card.arch)

    def close(self) -> None:
        """The context ends with the process."""

    def _copy(self, target: int, source: int, size: int, kind: int) -> None:
        self._do(self._runtime.memcpy, target, source, size, kind)

    def _do(self, function: Callable[..., _Answer], *arguments: Any) -> _Answer:
        try:
            return function(*arguments)
        except (self._runtime.CUDARuntimeError, self._driver.CUDADriverError) as error:
            raise CudaError(error.status, str(error)) from error
