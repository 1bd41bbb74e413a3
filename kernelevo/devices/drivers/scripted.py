"""A driver without a machine, for tests: memory is bytes, and each call does what the next line of its script says.

A line is a CallTime or CallFailure to be answered, or a function of the driver and the call's steps that answers one:
it may write wild outputs, sleep, or raise. So the logic of a measuring session meets noise, hangs, throttled samples
and forged times without any card. Without a line left a call raises Infrastructure, so that nothing passes by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kernelevo.devices.drivers.staging import Staged
from kernelevo.devices.fingerprints import fingerprint
from kernelevo.errors import Infrastructure
from kernelevo.interfaces import DriverClear, DriverLaunch
from kernelevo.measurement import CallFailure, CallTime, Card
from kernelevo.types import How, Image

CARD = Card("scripted card", "scripted-0", "sm_90", {
    "sms": 4, "warp": 32, "threads_per_block": 1024, "shared_bytes_per_block": 48 << 10, "registers_per_sm": 65536,
    "warps_per_sm": 64, "l2_bytes": 1 << 20,
})  # fmt: skip
_ALIGNMENT = 256

Steps = Sequence[DriverLaunch | DriverClear]
Line = CallTime | CallFailure | Callable[["ScriptedDriver", Steps], CallTime | CallFailure]


class ScriptedDriver:
    """Implements interfaces.Driver. `calls` are the steps of every call so far, `operations` the names of all
    operations. Addresses are never used twice. Clears are done; launches do what the script does for them.
    """

    def __init__(self, script: Iterable[Line], card: Card = CARD, how: How = "measured") -> None:
        self.name = "scripted"
        self.how: How = how
        self.calls: list[Steps] = []
        self.operations: list[str] = []
        self._script = iter(script)
        self._card = card
        self._image: Image | None = None
        self._memory: dict[int, bytearray] = {}
        self._next = 1 << 32
        self._lost: CallFailure | None = None
        self._staged = Staged()

    def card(self) -> Card:
        return self._card

    def load(self, image: Image) -> None:
        self.operations.append("load")
        if self._image is not None:
            raise Infrastructure("the scripted driver has an image already; make another one for another image")
        if image.arch.rstrip("af") != self._card.arch:
            raise Infrastructure(f"the image is for {image.arch}, and the scripted card is of {self._card.arch}")
        self._image = image

    def allocate(self, size: int) -> int:
        self._begin("allocate")
        address = self._next
        self._memory[address] = bytearray(size)
        self._next += -(-max(size, 1) // _ALIGNMENT) * _ALIGNMENT
        return address

    def free(self, address: int) -> None:
        self._begin("free")
        if self._memory.pop(address, None) is None:
            raise Infrastructure(f"no memory of the scripted driver begins at {address:#x}, so that it cannot be freed")

    def write(self, address: int, data: bytes | memoryview) -> None:
        self._begin("write")
        memory, at = self._find(address, len(data))
        memory[at : at + len(data)] = data

    def fill(self, address: int, size: int, pattern: int) -> None:
        self._begin("fill")
        memory, at = self._find(address, size)
        memory[at : at + size] = (pattern.to_bytes(4, "little") * (size // 4 + 1))[:size]

    def read(self, address: int, size: int) -> bytes:
        self._begin("read")
        memory, at = self._find(address, size)
        return bytes(memory[at : at + size])

    def stage(self, data: bytes | memoryview) -> int:
        self._begin("stage")
        return self._staged.keep(data)

    def write_staged(self, address: int, number: int) -> None:
        self.write(address, self._staged.find(number))

    def unstage(self, number: int) -> None:
        self._begin("unstage")
        self._staged.drop(number)

    def fingerprint(self, address: int, size: int, key: int) -> int:
        self._begin("fingerprint")
        memory, at = self._find(address, size)
        return fingerprint(memoryview(memory)[at : at + size], key)

    def reset_l2(self) -> None:
        self._begin("reset_l2")

    def call(self, steps: Steps) -> CallTime | CallFailure:
        if self._lost:
            return self._lost
        self._begin("call")
        self.calls.append(tuple(steps))
        for step in steps:
            if isinstance(step, DriverClear):
                self.fill(step.address, step.bytes, 0)
        line = next(self._script, None)
        if line is None:
            raise Infrastructure(f"the scripted driver's script has no line for call {len(self.calls)}; add one")
        done = line if isinstance(line, CallTime | CallFailure) else line(self, steps)
        self._lost = done if isinstance(done, CallFailure) and done.sticky else None
        return done

    def close(self) -> None:
        self.operations.append("close")

    def _begin(self, operation: str) -> None:
        self.operations.append(operation)
        if self._image is None:
            raise Infrastructure("the scripted driver has no image yet; load one first")
        if self._lost:
            raise Infrastructure(f"the scripted context is lost ({self._lost.fault.message}); open another one")

    def _find(self, address: int, size: int) -> tuple[bytearray, int]:
        """The allocation in which all these bytes lie, and where they begin in it."""
        for start, memory in self._memory.items():
            if start <= address and address + size <= start + len(memory):
                return memory, address - start
        raise Infrastructure(f"{size} bytes at {address:#x} lie in no memory of the scripted driver")
