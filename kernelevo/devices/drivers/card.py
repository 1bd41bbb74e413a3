"""A driver of a real card, over a few calls of CUDA that CuPy or PyCUDA make (`CudaCalls`).

A call is enqueued behind a short delay on the card, so that the steps are all there before the first event is reached:
otherwise gaps between launches, which belong to Python and not to the card, would be measured. The delay lies outside
the events, and is the same for every call.

Which faults are the program's: addresses out of bounds or misaligned, traps, failed asserts, illegal instructions,
stack errors (the context is lost), and launches beyond the card's limits (it is not). Whatever else CUDA reports is
ours.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from kernelevo.devices import fingerprints
from kernelevo.devices.drivers.libcuda import CudaError
from kernelevo.devices.drivers.staging import Staged
from kernelevo.errors import Infrastructure
from kernelevo.interfaces import DriverClear, DriverLaunch
from kernelevo.measurement import CallFailure, CallTime, Card
from kernelevo.types import Fault, How, Image, KernelImage, Parameter

DELAY_NS = 600_000
"""Python enqueues a plan of the most steps in that time (64, at some 8 us each). Nanoseconds and not cycles, because
the judge takes the delay for the same in each call, and clocks of a card are not.
"""
FREE_SHARED_BYTES = 48 << 10
"""Of dynamic shared memory, more must be asked for."""
_CHUNK = 1 << 20
_OFFSETS_OF_FINGERPRINT = (0, 8, 16, 24)
_DELAY = """.version 7.0
.target sm_75
.address_size 64
.visible .entry kernelevo_delay(.param .u64 nanoseconds) {
  .reg .u64 %rd<4>;
  .reg .pred %more;
  ld.param.u64 %rd1, [nanoseconds];
  mov.u64 %rd2, %globaltimer;
again:
  mov.u64 %rd3, %globaltimer;
  sub.u64 %rd3, %rd3, %rd2;
  setp.lt.u64 %more, %rd3, %rd1;
  @%more bra again;
  ret;
}
"""
# CUresult, as in cuda.h; the runtime's numbers are the same, but for an invalid configuration (9).
_STICKY = {
    700: "out_of_bounds", 702: "timeout", 710: "trap", 714: "stack_overflow", 715: "trap", 716: "misaligned",
    717: "out_of_bounds", 718: "trap", 719: "trap",
}  # fmt: skip
_REFUSED = {1, 9, 701, 720, 912}
_UNSUPPORTED = 801
_Answer = TypeVar("_Answer")


class CudaCalls(Protocol):
    """What a driver needs of CUDA, on the default stream of one context. Everything raises CudaError."""

    def card(self) -> Card: ...

    def load_module(self, content: bytes) -> Any:
        """Of a cubin, or of PTX that ends with a zero byte."""
        ...

    def function(self, module: Any, name: str) -> Any: ...

    def allow_shared(self, function: Any, size: int) -> None:
        """Lets launches of the function have so many bytes of dynamic shared memory."""
        ...

    def allocate(self, size: int) -> int: ...

    def free(self, address: int) -> None: ...

    def copy_in(self, address: int, data: bytes | memoryview) -> None: ...

    def copy_out(self, address: int, size: int) -> bytes: ...

    def copy_on_card(self, target: int, source: int, size: int) -> None: ...

    def set_bytes(self, address: int, value: int, size: int) -> None: ...

    def launch(self, function: Any, launch: DriverLaunch, offsets: Sequence[int]) -> None:
        """`offsets` are those of the parameters in the launch's block; CudaError 801 for what this cannot launch."""
        ...

    def begin(self) -> None:
        """Records the first event."""
        ...

    def end(self) -> float:
        """Records the second event, waits for it, and tells the microseconds between both."""
        ...

    def forbid_persisting_l2(self) -> None: ...

    def reset_persisting_l2(self) -> None: ...

    def close(self) -> None: ...


@dataclass
class _Function:
    """A kernel on the card; `shared_bytes` of dynamic shared memory are allowed so far."""

    handle: Any
    offsets: tuple[int, ...]
    shared_bytes: int


class CardDriver:
    """Implements interfaces.Driver."""

    how: How = "measured"

    def __init__(self, name: str, calls: CudaCalls) -> None:
        self.name = name
        self._calls = calls
        self._card = calls.card()
        self._functions: dict[str, _Function] = {}
        self._loaded = False
        self._modules: list[Any] = []
        self._sum = 0
        self._sizes: dict[int, int] = {}
        self._staged = Staged()
        self._lost: CallFailure | None = None

    def card(self) -> Card:
        return self._card

    def load(self, image: Image) -> None:
        if self._loaded:
            raise Infrastructure(f"{self.name} has an image already; open another driver for another one")
        content = content_for(self._card.arch, image)
        self._loaded = True
        self._functions = self._load(content, image.kernels)
        helpers = self._load(_text(fingerprints.ptx()), [_helper(fingerprints.KERNEL, _OFFSETS_OF_FINGERPRINT)])
        helpers |= self._load(_text(_DELAY), [_helper("kernelevo_delay", (0,))])
        self._functions |= {f"our {name}": each for name, each in helpers.items()}
        self._ours(self._calls.forbid_persisting_l2)
        self._sum = self._ours(lambda: self._calls.allocate(8))

    def allocate(self, size: int) -> int:
        self._require_usable()
        address = self._ours(lambda: self._calls.allocate(max(size, 1)))
        self._sizes[address] = size
        return address

    def free(self, address: int) -> None:
        self._require_usable()
        if self._sizes.pop(address, None) is None:
            raise Infrastructure(f"no memory of {self.name} begins at {address:#x}, so that it cannot be freed")
        self._ours(lambda: self._calls.free(address))

    def write(self, address: int, data: bytes | memoryview) -> None:
        self._require_inside(address, len(data))
        if len(data):
            self._ours(lambda: self._calls.copy_in(address, data))

    def fill(self, address: int, size: int, pattern: int) -> None:
        """By copies on the card, each twice as long as the one before; a pattern of equal bytes in one step."""
        self._require_inside(address, size)
        word = pattern.to_bytes(4, "little")
        if size and len(set(word)) == 1:
            self._ours(lambda: self._calls.set_bytes(address, word[0], size))
        elif size:
            done = min(size, _CHUNK)
            self._ours(lambda: self._calls.copy_in(address, (word * (done // 4 + 1))[:done]))
            while done < size:
                more = min(done, size - done)
                self._copy(address + done, address, more)
                done += more

    def read(self, address: int, size: int) -> bytes:
        self._require_inside(address, size)
        return self._ours(lambda: self._calls.copy_out(address, size)) if size else b""

    def stage(self, data: bytes | memoryview) -> int:
        return self._staged.keep(data)

    def write_staged(self, address: int, number: int) -> None:
        self.write(address, self._staged.find(number))

    def unstage(self, number: int) -> None:
        self._staged.drop(number)

    def fingerprint(self, address: int, size: int, key: int) -> int:
        self._require_inside(address, size)
        grid = fingerprints.blocks(size, self._card.properties["sms"])
        parameters = struct.pack("<4Q", address, size, key, self._sum)

        def compute() -> bytes:
            self._calls.set_bytes(self._sum, 0, 8)
            self._launch_ours(fingerprints.KERNEL, grid, fingerprints.BLOCK, parameters)
            return self._calls.copy_out(self._sum, 8)

        return fingerprints.finish(int.from_bytes(self._ours(compute), "little"), size, key)

    def reset_l2(self) -> None:
        self._require_usable()
        self._ours(self._calls.reset_persisting_l2)

    def call(self, steps: Sequence[DriverLaunch | DriverClear]) -> CallTime | CallFailure:
        if self._lost:
            return self._lost
        self._require_usable()
        started = time.perf_counter()
        try:
            self._launch_ours("kernelevo_delay", 1, 1, struct.pack("<Q", DELAY_NS))
            self._calls.begin()
            refused = self._enqueue(steps)
            event_us = self._calls.end()
        except CudaError as error:
            return self._failure(error, steps)
        return refused or CallTime(event_us, (time.perf_counter() - started) * 1e6)

    def close(self) -> None:
        self._calls.close()

    def _enqueue(self, steps: Sequence[DriverLaunch | DriverClear]) -> CallFailure | None:
        """All steps, or those before one that the card refuses to launch."""
        for step in steps:
            if isinstance(step, DriverClear):
                self._calls.set_bytes(step.address, 0, step.bytes)
                continue
            function = self._functions.get(step.kernel)
            if function is None:
                raise Infrastructure(f"the image has no kernel {step.kernel}; report this kernel")
            try:
                self._allow_shared(function, step.shared_bytes)
                self._calls.launch(function.handle, step, function.offsets)
            except CudaError as error:
                if error.status not in (*_REFUSED, _UNSUPPORTED):
                    raise
                kind = "unsupported" if error.status == _UNSUPPORTED else "invalid_launch"
                return CallFailure(Fault(kind, str(error), step.kernel), sticky=False)
        return None

    def _allow_shared(self, function: _Function, size: int) -> None:
        if size > function.shared_bytes:
            self._calls.allow_shared(function.handle, size)
            function.shared_bytes = size

    def _failure(self, error: CudaError, steps: Sequence[DriverLaunch | DriverClear]) -> CallFailure:
        """Which of the steps failed is not known: the card tells it later, and only that something did."""
        if error.status not in _STICKY:
            raise Infrastructure(f"CUDA failed in a call of {self.name}: {error}") from error
        kernels = ", ".join(dict.fromkeys(step.kernel for step in steps if isinstance(step, DriverLaunch)))
        self._lost = CallFailure(Fault(_STICKY[error.status], str(error), kernels), sticky=True)
        return self._lost

    def _load(self, content: bytes, kernels: Iterable[KernelImage]) -> dict[str, _Function]:
        module = self._ours(lambda: self._calls.load_module(content))
        self._modules.append(module)
        return {
            kernel.name: _Function(
                self._function(module, kernel.name),
                tuple(parameter.offset for parameter in kernel.parameters),
                max(FREE_SHARED_BYTES - kernel.static_shared_bytes, 0),
            )
            for kernel in kernels
        }

    def _function(self, module: Any, name: str) -> Any:
        return self._ours(lambda: self._calls.function(module, name))

    def _launch_ours(self, name: str, grid: int, block: int, parameters: bytes) -> None:
        function = self._functions[f"our {name}"]
        launch = DriverLaunch(name, (grid, 1, 1), (block, 1, 1), 0, parameters)
        self._calls.launch(function.handle, launch, function.offsets)

    def _copy(self, target: int, source: int, size: int) -> None:
        self._ours(lambda: self._calls.copy_on_card(target, source, size))

    def _require_usable(self) -> None:
        if not self._loaded:
            raise Infrastructure(f"{self.name} has no image yet; load one first")
        if self._lost:
            raise Infrastructure(f"the context of {self.name} is lost ({self._lost.fault.message}); open another one")

    def _require_inside(self, address: int, size: int) -> None:
        self._require_usable()
        for start, length in self._sizes.items():
            if start <= address and address + size <= start + length:
                return
        raise Infrastructure(f"{size} bytes at {address:#x} lie in no memory of {self.name}")

    def _ours(self, work: Callable[[], _Answer]) -> _Answer:
        """What CUDA refuses outside a call is a fault of ours or of this machine."""
        try:
            return work()
        except CudaError as error:
            raise Infrastructure(f"CUDA failed under {self.name}: {error}") from error


def open_card(name: str, make: Callable[[], CudaCalls]) -> CardDriver:
    """The driver of this name on the calls that `make` opens; raises Infrastructure where CUDA does not open the card,
    and what `make` raises.
    """
    try:
        return CardDriver(name, make())
    except CudaError as error:
        raise Infrastructure(
            f"CUDA does not open the card of {name} ({error}); see `nvidia-smi` for who uses it, and in which mode"
        ) from error


def content_for(arch: str, image: Image) -> bytes:
    """The image's cubin where a card of `arch` runs it, else its PTX, which the card's driver compiles; raises
    Infrastructure for a newer card's.
    """
    own, card = _version(image.arch), _version(arch)
    exact = image.arch[-1] in "af"
    if image.arch == arch or (not exact and own[0] == card[0] and own <= card):
        return image.cubin
    if image.arch[-1] == "a" and own == card:
        return image.cubin
    if own > card or exact:
        raise Infrastructure(f"the image is for {image.arch}, and the card is of {arch}")
    return _text(image.ptx)


def _version(arch: str) -> tuple[int, int]:
    number = int(arch.removeprefix("sm_").rstrip("af"))
    return divmod(number, 10)


def _text(ptx: str) -> bytes:
    return ptx.encode() + b"\0"


def _helper(name: str, offsets: Sequence[int]) -> KernelImage:
    parameters = tuple(Parameter("u64", offset, 8) for offset in offsets)
    return KernelImage(name, name, parameters, 0, 0, 0, 0, 1024)
