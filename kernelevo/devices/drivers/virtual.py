"""The driver `virtual:NAME`: a context on the virtual GPU, in this process.

It does what a driver of a card does: memory and device globals keep what was written from call to call, a fault makes
the context useless, and what was freed may be handed out again. A call's event time is modelled (`how` says so) from
the counts of all its blocks, caches and scoreboard included, as `virtual.py` of the devices does it, but without
machine code; L2 keeps its lines from call to call until `reset_l2`. The host's time is measured.

Limits: no clusters; freed memory is reused, but an access to it is no fault; no persisting lines in L2. A call that
does not end is stopped by its budget of warp instructions, which counts as sticky: on a card it must be killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import kernelevo
from kernelevo.devices import gpus
from kernelevo.devices.cost import estimate
from kernelevo.devices.drivers.making import MEMORY_BYTES, WARP_INSTRUCTIONS
from kernelevo.devices.drivers.staging import Staged
from kernelevo.devices.fingerprints import fingerprint_of
from kernelevo.devices.gpus import Gpu
from kernelevo.devices.machine_code import counts_for_model
from kernelevo.devices.modelling import Held, clear_us, hold, timing
from kernelevo.errors import BadInput, Infrastructure
from kernelevo.interfaces import DriverClear, DriverLaunch
from kernelevo.measurement import CallFailure, CallTime, Card
from kernelevo.types import Fault, How, Image, KernelImage
from kernelevo.virtual import Kernel, Machine, Module, PtxError, Timing

L2_LINE = 128
_REFUSED = {"invalid_launch", "unsupported"}
"""Kinds of faults that stop a launch before it runs: the context is as good as before."""
_CHUNK = 1 << 18
_NOTHING = ".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry nothing() { ret; }\n"
_Answer = TypeVar("_Answer")


class VirtualDriver:
    """Implements interfaces.Driver. Its image is the PTX; `memory_bytes` bound what may be allocated, and
    `warp_instructions` what one call may execute.
    """

    how: How = "modelled"

    def __init__(self, gpu: Gpu, memory_bytes: int = MEMORY_BYTES, warp_instructions: int = WARP_INSTRUCTIONS) -> None:
        self.name = f"virtual:{gpu.name}"
        self._gpu = gpu
        self._memory_bytes = memory_bytes
        self._budget = warp_instructions
        self._machine: Machine | None = None
        self._kernels: dict[str, _Known] = {}
        self._sizes: dict[int, int] = {}
        self._freed: dict[int, list[int]] = {}
        self._lost: CallFailure | None = None
        self._emptied = False
        self._staged = Staged()

    def card(self) -> Card:
        gpu = self._gpu
        properties = {**gpu.properties(), "l2_bytes": gpu.l2_bytes}
        versions = {"kernelevo": kernelevo.__version__, "model": str(gpus.bands().version)}
        return Card(f"virtual {gpu.title}", f"virtual-{gpu.name}", gpu.arch, properties, versions)

    def load(self, image: Image) -> None:
        if self._machine is not None:
            raise Infrastructure(f"{self.name} has an image already; open another driver for another one")
        if _number(image.arch) > _number(self._gpu.arch):
            raise Infrastructure(f"the image is for {image.arch}, and {self.name} is of {self._gpu.arch}")
        try:
            module = Module(image.ptx)
        except PtxError as error:
            # A compiler made it: what cannot be read here is no fault of the program.
            self._lost = CallFailure(Fault("unsupported", str(error), "", ptx_line=error.line), sticky=True)
            module = Module(_NOTHING)
        shared, sms = self._gpu.shared_bytes_per_block, self._gpu.sms
        self._machine = Machine(module, self._memory_bytes, shared_bytes_per_block=shared, sms=sms)
        declared = {kernel.name: kernel for kernel in module.kernels}
        self._kernels = {
            each.name: _Known(each, declared[each.name]) for each in image.kernels if each.name in declared
        }

    def allocate(self, size: int) -> int:
        machine = self._usable()
        if freed := self._freed.get(size):
            address = freed.pop()
        else:
            address = _ours(lambda: machine.empty(max(size, 1), "uint8").address)
        self._sizes[address] = size
        return address

    def free(self, address: int) -> None:
        self._usable()
        size = self._sizes.pop(address, None)
        if size is None:
            raise Infrastructure(f"no memory of {self.name} begins at {address:#x}, so that it cannot be freed")
        self._freed.setdefault(size, []).append(address)

    def write(self, address: int, data: bytes | memoryview) -> None:
        machine = self._usable()
        _ours(lambda: machine.write(address, data))

    def fill(self, address: int, size: int, pattern: int) -> None:
        words = pattern.to_bytes(4, "little") * (min(size, _CHUNK) // 4 + 1)
        for start in range(0, size, _CHUNK):
            self.write(address + start, memoryview(words)[: min(_CHUNK, size - start)])

    def read(self, address: int, size: int) -> bytes:
        machine = self._usable()
        return _ours(lambda: machine.read(address, size))

    def stage(self, data: bytes | memoryview) -> int:
        return self._staged.keep(data)

    def write_staged(self, address: int, number: int) -> None:
        self.write(address, self._staged.find(number))

    def unstage(self, number: int) -> None:
        self._staged.drop(number)

    def fingerprint(self, address: int, size: int, key: int) -> int:
        return fingerprint_of(lambda start, part: self.read(address + start, part), size, key)

    def reset_l2(self) -> None:
        """Empties the modelled L2: what the host writes and reads to cool a card's does not go through the model."""
        self._usable()
        self._emptied = not self._emptied

    def call(self, steps: Sequence[DriverLaunch | DriverClear]) -> CallTime | CallFailure:
        if self._lost:
            return self._lost
        machine, left, event_us = self._usable(), self._budget, 0.0
        started = time.perf_counter()
        for step in steps:
            if isinstance(step, DriverClear):
                self.fill(step.address, step.bytes, 0)
                event_us += self._gpu.launch_us + clear_us(self._gpu, step.bytes)
                continue
            done = self._launch(machine, step, left)
            if isinstance(done, CallFailure):
                self._lost = done if done.sticky else None
                return done
            event_us, left = event_us + done[0], max(left - done[1], 1)
        return CallTime(event_us, (time.perf_counter() - started) * 1e6)

    def close(self) -> None:
        if self._machine is not None:
            self._machine.close()

    def _timing(self, held: Held) -> Timing:
        """The model begins with empty caches whenever a size is another one: a line more or less of L2."""
        sizes = timing(self._gpu, held)
        return Timing(**{**sizes, "l2_bytes": sizes["l2_bytes"] - L2_LINE * self._emptied})

    def _usable(self) -> Machine:
        if self._machine is None:
            raise Infrastructure(f"{self.name} has no image yet; load one first")
        if self._lost:
            raise Infrastructure(f"the context of {self.name} is lost ({self._lost.fault.message}); open another one")
        return self._machine

    def _launch(self, machine: Machine, step: DriverLaunch, budget: int) -> tuple[float, int] | CallFailure:
        """Modelled microseconds, and the warp instructions that ran."""
        known = self._kernels.get(step.kernel)
        if known is None:
            raise Infrastructure(f"the image has no kernel {step.kernel}; report this kernel")
        if step.cluster != (1, 1, 1):
            return _refused("unsupported", "the virtual GPU does not launch clusters of blocks", step)
        try:
            held = hold(self._gpu, known.image, step.grid, step.block, step.shared_bytes, step.cooperative)
        except ValueError as error:
            return _refused("invalid_launch", str(error), step)
        report = _ours(
            lambda: machine.launch(
                step.kernel, grid=step.grid, block=step.block, args=known.split(step.parameters), budget=budget,
                shared_bytes=step.shared_bytes, cooperative=step.cooperative, caches=True, scoreboard=True,
                timing=self._timing(held),
            )
        )  # fmt: skip
        if report.faults:
            fault = report.faults[0]
            return CallFailure(fault, sticky=fault.kind not in _REFUSED)
        counts = counts_for_model(held.with_spills(report.counts), None)
        modelled = estimate(self._gpu, counts, held.occupancy)
        return modelled.us, report.counts["warp_instructions"]


class _Known:
    """A kernel as the compiler and as the PTX describe it."""

    def __init__(self, image: KernelImage, declared: Kernel) -> None:
        self.image = image
        self._declared = declared

    def split(self, block: bytes) -> list[bytes]:
        """The parameter block, parameter by parameter; raises Infrastructure where it is not of this kernel."""
        if len(block) != self._declared.parameter_bytes:
            raise Infrastructure(
                f"kernel {self._declared.name} takes {self._declared.parameter_bytes} bytes of parameters, not "
                f"{len(block)}; report this kernel"
            )
        return [block[each.offset : each.offset + each.bytes] for each in self._declared.parameters]


def _number(arch: str) -> int:
    return int("".join(letter for letter in arch if letter.isdigit()))


def _refused(kind: str, message: str, step: DriverLaunch) -> CallFailure:
    return CallFailure(Fault(kind, message, step.kernel), sticky=False)


def _ours(work: Callable[[], _Answer]) -> _Answer:
    """What the virtual GPU refuses of a driver is a mistake of whoever drives it, not of the program."""
    try:
        return work()
    except BadInput as error:
        raise Infrastructure(f"the virtual GPU refuses an operation of its driver: {error}") from error
