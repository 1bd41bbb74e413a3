"""Runs a ladder's steps on the virtual GPU: each is compiled for the card, executed whole, checked, and modelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rungs import Ladder, Rung

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.devices import gpus
from kernelevo.devices.gpus import Gpu
from kernelevo.devices.virtual import VirtualDevice
from kernelevo.sandbox import Sandbox
from kernelevo.types import (
    Budget,
    Buffer,
    BufferArgument,
    BuildRequest,
    Clear,
    Image,
    Job,
    Launch,
    ScalarArgument,
    StepReport,
)

HERE = Path(__file__).parent
BUDGET = Budget(seconds=600.0, memory_bytes=8 << 30, warp_instructions=2 * 10**9)
POISON = 0x7FF7C0DE


@dataclass(frozen=True)
class Climbed:
    """One step, run and modelled. `modelled` is in the ladder's unit; `error` the largest relative error."""

    rung: Rung
    us: float
    modelled: float
    limiter: str
    confidence: str
    reasons: tuple[str, ...]
    error: float


def card(name: str) -> Gpu:
    """A virtual GPU of kernelevo, or one of cards.toml."""
    if name in gpus.names():
        return gpus.gpu(name)
    return gpus.read_gpu(name, (HERE / "cards.toml").read_text(encoding="utf-8"))


def climb(ladder: Ladder) -> list[Climbed]:
    """Every step of the ladder; raises SystemExit where a kernel does not compile, faults, or is wrong."""
    toolkit = find_toolkit()
    wall = Sandbox(toolkit.library, toolkit.read_only)
    try:
        device = VirtualDevice(card(ladder.card), wall)
        image = _build(ladder, NvrtcCompiler(wall, toolkit), device.arch)
        given = ladder.inputs()
        expected = ladder.reference(given)
        return [_step(ladder, rung, device, image, given, expected) for rung in ladder.rungs]
    finally:
        wall.close()


def _build(ladder: Ladder, compiler: NvrtcCompiler, arch: str) -> Image:
    source = HERE / f"{ladder.name.lower()}.cu"
    names = tuple(rung.kernel for rung in ladder.rungs)
    built = compiler.build(BuildRequest(source.read_text(encoding="utf-8"), source.name, names, arch), BUDGET)
    if not isinstance(built, Image):
        raise SystemExit("\n".join(map(str, built.diagnostics)))
    return built


def _step(
    ladder: Ladder,
    rung: Rung,
    device: VirtualDevice,
    image: Image,
    given: Mapping[str, np.ndarray],
    expected: np.ndarray,
) -> Climbed:
    (report,) = device.run(image, [_job(ladder, rung, image, given, expected.size)], BUDGET)
    if report.ended != "done":
        raise SystemExit(f"{ladder.name}, {rung.kernel}: {report.ended}: {report.fault or report.reason}")
    found = np.frombuffer(report.outputs[ladder.output], np.float32).reshape(expected.shape)
    error = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not error <= ladder.tolerance:
        raise SystemExit(f"{ladder.name}, {rung.kernel}: wrong by {error:.2g}, and {ladder.tolerance:.2g} is allowed")
    return _modelled(ladder, rung, report.steps[-1], error)


def _modelled(ladder: Ladder, rung: Rung, step: StepReport, error: float) -> Climbed:
    if step.time is None:
        raise SystemExit(f"{ladder.name}, {rung.kernel}: the device gives no time")
    us, details = step.time.value, step.details
    reasons = tuple(details["confidence_reasons"])
    return Climbed(rung, us, ladder.amount / us * 1e6, step.limiter, details["confidence"], reasons, error)


def _job(ladder: Ladder, rung: Rung, image: Image, given: Mapping[str, np.ndarray], outputs: int) -> Job:
    buffers = [Buffer(name, values.nbytes, values.tobytes()) for name, values in given.items()]
    buffers.append(Buffer(ladder.output, 4 * outputs, read_back=True))
    arguments = (*(BufferArgument(buffer.name) for buffer in buffers), *map(ScalarArgument, ladder.scalars))
    launch = Launch(image.kernel(rung.kernel).name, rung.grid, rung.block, 0, arguments)
    steps = (Clear(ladder.output), launch) if ladder.zeroed else (launch,)
    return Job(tuple(buffers), steps, POISON, profile=True, track_uninitialised=False)
