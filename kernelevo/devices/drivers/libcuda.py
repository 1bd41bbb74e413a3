"""What of CUDA's driver library (libcuda.so.1) neither CuPy nor PyCUDA wraps: a card's attributes, lines that persist
in L2, and launches in clusters. https://docs.nvidia.com/cuda/cuda-driver-api/

It works on whatever context is current in this thread. Numbers of attributes, limits and errors are those of cuda.h.
"""

from __future__ import annotations

import ctypes
import uuid
from collections.abc import Sequence
from typing import Any

from kernelevo.errors import NotInstalled
from kernelevo.interfaces import DriverLaunch
from kernelevo.measurement import Card

LIBRARY = "libcuda.so.1"
_PERSISTING_L2_SIZE = 6
_COOPERATIVE, _CLUSTER_DIMENSION = 2, 4
_NO_SUCH_LIMIT = (215, 801)
_FIRST_WITH_PERSISTING_L2 = 80
_MAJOR, _MINOR = 75, 76
_ATTRIBUTES = {
    "sms": 16, "warp": 10, "threads_per_block": 1, "shared_bytes_per_block": 97, "registers_per_sm": 82, "l2_bytes": 38,
}  # fmt: skip
_THREADS_PER_SM = 39


class CudaError(Exception):
    """A call of CUDA failed: `status` is its CUresult."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class _Attribute(ctypes.Structure):
    """CUlaunchAttribute: an id, padded to 8 bytes, and a value of 64."""

    _fields_ = [("id", ctypes.c_uint), ("padding", ctypes.c_char * 4), ("value", ctypes.c_uint * 16)]


class _Config(ctypes.Structure):
    """CUlaunchConfig."""

    _fields_ = [
        ("grid", ctypes.c_uint * 3), ("block", ctypes.c_uint * 3), ("shared_bytes", ctypes.c_uint),
        ("stream", ctypes.c_void_p), ("attributes", ctypes.POINTER(_Attribute)), ("count", ctypes.c_uint),
    ]  # fmt: skip


class LibCuda:
    """The library, loaded and initialised. Raises NotInstalled where it is missing, or finds no card."""

    def __init__(self) -> None:
        self._library = open_library()
        try:
            self._check("cuInit", 0)
        except CudaError as error:
            raise NotInstalled(f"NVIDIA's driver finds no CUDA card here ({error}); use a virtual device") from error

    def card(self, number: int) -> Card:
        """The card with this number; raises CudaError where there is none."""
        device = ctypes.c_int()
        self._check("cuDeviceGet", ctypes.byref(device), number)
        name, identity, version = ctypes.create_string_buffer(256), (ctypes.c_ubyte * 16)(), ctypes.c_int()
        self._check("cuDeviceGetName", name, len(name), device.value)
        self._check("cuDeviceGetUuid_v2", ctypes.byref(identity), device.value)
        self._check("cuDriverGetVersion", ctypes.byref(version))
        properties = {key: self._attribute(value, device.value) for key, value in _ATTRIBUTES.items()}
        properties["warps_per_sm"] = self._attribute(_THREADS_PER_SM, device.value) // properties["warp"]
        arch = f"sm_{self._attribute(_MAJOR, device.value)}{self._attribute(_MINOR, device.value)}"
        cuda = f"{version.value // 1000}.{version.value % 1000 // 10}"
        return Card(name.value.decode(), f"GPU-{uuid.UUID(bytes=bytes(identity))}", arch, properties, {"cuda": cuda})

    def forbid_persisting_l2(self, arch: str) -> None:
        """Sets the space for lines that persist in L2 to zero, where a card of this architecture has any."""
        self._check_persisting(arch, "cuCtxSetLimit", _PERSISTING_L2_SIZE, ctypes.c_size_t(0))

    def reset_persisting_l2(self, arch: str) -> None:
        """Makes lines that persist in L2 normal ones."""
        self._check_persisting(arch, "cuCtxResetPersistingL2Cache")

    def _check_persisting(self, arch: str, name: str, *arguments: Any) -> None:
        if int(arch.removeprefix("sm_")) < _FIRST_WITH_PERSISTING_L2:
            return
        try:
            self._check(name, *arguments)
        except CudaError as error:
            if error.status not in _NO_SUCH_LIMIT:  # a part of a card (MIG) has no lines that persist
                raise

    def launch_in_clusters(self, function: int, launch: DriverLaunch, pointers: Any) -> None:
        """A launch on the default stream; `pointers` is an array of pointers to the parameters."""
        attributes = (_Attribute * 2)(_Attribute(id=_CLUSTER_DIMENSION), _Attribute(id=_COOPERATIVE))
        attributes[0].value[:3] = launch.cluster
        attributes[1].value[0] = 1
        config = _Config(
            (ctypes.c_uint * 3)(*launch.grid), (ctypes.c_uint * 3)(*launch.block), launch.shared_bytes, None,
            attributes, 2 if launch.cooperative else 1,
        )  # fmt: skip
        self._check("cuLaunchKernelEx", ctypes.byref(config), ctypes.c_void_p(function), pointers, None)

    def _attribute(self, number: int, device: int) -> int:
        value = ctypes.c_int()
        self._check("cuDeviceGetAttribute", ctypes.byref(value), number, device)
        return value.value

    def _check(self, name: str, *arguments: Any) -> None:
        status = getattr(self._library, name)(*arguments)
        if status != 0:
            words = ctypes.c_char_p()
            self._library.cuGetErrorString(status, ctypes.byref(words))
            raise CudaError(status, f"{name} failed with {status}: {(words.value or b'unknown').decode()}")


def open_library() -> Any:
    """libcuda, which comes with the card's driver; raises NotInstalled."""
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise NotInstalled(
            f"there is no CUDA card here: {LIBRARY}, which comes with NVIDIA's driver, cannot be loaded; use a virtual "
            "device, or install the driver"
        ) from error


def parameter_pointers(block: bytes, offsets: Sequence[int]) -> tuple[Any, Any]:
    """An array of pointers to the parameters in a parameter block, and the memory they point into (keep it)."""
    memory = ctypes.create_string_buffer(block, max(len(block), 1))
    start = ctypes.addressof(memory)
    return (ctypes.c_void_p * max(len(offsets), 1))(*(start + offset for offset in offsets)), memory
