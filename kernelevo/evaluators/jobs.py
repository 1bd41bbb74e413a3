"""From a schedule and drawn inputs to a Job: what a device is given. Nothing here knows an expected value.

Inputs go in as data and are read back, to see that they were not changed; outputs and temps start poisoned.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kernelevo.evaluators.schedule import LaunchStep, Schedule
from kernelevo.evaluators.trials import Drawn, skew
from kernelevo.kernel.arguments import Tensor
from kernelevo.kernel.problem import Problem
from kernelevo.types import Buffer, BufferArgument, Clear, Image, Job, Launch, Sample, ScalarArgument

Array = np.ndarray


def build_job(
    problem: Problem,
    drawn: Drawn,
    schedule: Schedule,
    image: Image,
    poison: int,
    profile: bool,
    order: int = 0,
    sample: Sample | None = None,
) -> Job:
    """The trial as a job under the 32-bit poison pattern `poison`, its threads in the order of seed `order` (0: the
    usual one). Uninitialised bytes are tracked where a trial is repeated, but not in the profiled run; that one may be
    watched on a sample of blocks.
    """
    buffers = [_buffer(tensor, drawn) for tensor in problem.tensors]
    buffers += [Buffer(temp.name, temp.bytes) for temp in schedule.temps]
    buffers += _scratch(schedule, image)
    steps = tuple(_steps(schedule, image))
    tracks = drawn.trial.repeat and not profile
    return Job(
        tuple(buffers), steps, poison, profile=profile, track_uninitialised=tracks, order=order,
        sample=sample if profile else None,
    )  # fmt: skip


def _buffer(tensor: Tensor, drawn: Drawn) -> Buffer:
    size = tensor.nbytes(drawn.trial.case.dims)
    data = raw_bytes(drawn.inputs[tensor.name]) if tensor.is_input else None
    return Buffer(tensor.name, size, data, skew(tensor, drawn.trial), read_back=True)


def raw_bytes(array: Array) -> memoryview:
    """The bytes of a contiguous array, not copied."""
    return array.reshape(-1).view(np.uint8).data


def _scratch(schedule: Schedule, image: Image) -> Iterator[Buffer]:
    """What the compiler wants besides: a buffer for each of its own pointers that needs one, in each launch."""
    for index, step in enumerate(schedule.steps):
        if isinstance(step, LaunchStep):
            for place, size in enumerate(image.kernel(step.kernel).scratch_bytes):
                if size:
                    yield Buffer(_scratch_name(index, place), size * step.blocks)


def _scratch_name(step: int, place: int) -> str:
    return f"compiler's scratch {place} of step {step}"


def _steps(schedule: Schedule, image: Image) -> Iterator[Launch | Clear]:
    for index, step in enumerate(schedule.steps):
        yield _launch(index, step, image) if isinstance(step, LaunchStep) else step


def _launch(index: int, step: LaunchStep, image: Image) -> Launch:
    kernel = image.kernel(step.kernel)
    added = tuple(
        BufferArgument(_scratch_name(index, place)) if size else ScalarArgument(0)
        for place, size in enumerate(kernel.scratch_bytes)
    )
    shared_bytes = step.shared_bytes + kernel.dynamic_shared_bytes
    arguments = (*step.arguments, *added)
    return Launch(kernel.name, step.grid, step.block, shared_bytes, arguments, step.cooperative, step.cluster)


def draw_poisons(rng: np.random.Generator) -> tuple[int, int]:
    """Two 32-bit patterns with random bits: quiet NaNs in f16, bf16, f32 and f64, and ordinary positive numbers in all
    of them. The halves differ, so that a pattern does not give itself away.
    """
    nans, numbers = 0xFFC1 + rng.choice(0x3F, 2, replace=False), 0x4201 + rng.choice(0xFF, 2, replace=False)
    return int(nans[0]) << 16 | int(nans[1]), int(numbers[0]) << 16 | int(numbers[1])
