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
from kernelevo.types import Buffer, Clear, Image, Job, Launch

Array = np.ndarray


def build_job(problem: Problem, drawn: Drawn, schedule: Schedule, image: Image, poison: int, profile: bool) -> Job:
    """The trial as a job under the 32-bit poison pattern `poison`. Uninitialised bytes are tracked where a trial is
    repeated, but not in the profiled run.
    """
    buffers = [_buffer(tensor, drawn) for tensor in problem.tensors]
    buffers += [Buffer(temp.name, temp.bytes) for temp in schedule.temps]
    steps = tuple(_steps(schedule, image))
    tracks = drawn.trial.repeat and not profile
    return Job(tuple(buffers), steps, poison, profile=profile, track_uninitialised=tracks)


def _buffer(tensor: Tensor, drawn: Drawn) -> Buffer:
    size = tensor.nbytes(drawn.trial.case.dims)
    data = raw_bytes(drawn.inputs[tensor.name]) if tensor.is_input else None
    return Buffer(tensor.name, size, data, skew(tensor.aligned, drawn.trial), read_back=True)


def raw_bytes(array: Array) -> memoryview:
    """The bytes of a contiguous array, not copied."""
    return array.reshape(-1).view(np.uint8).data


def _steps(schedule: Schedule, image: Image) -> Iterator[Launch | Clear]:
    for step in schedule.steps:
        yield _launch(step, image) if isinstance(step, LaunchStep) else step


def _launch(step: LaunchStep, image: Image) -> Launch:
    symbol = image.kernel(step.kernel).name
    return Launch(symbol, step.grid, step.block, step.shared_bytes, step.arguments, step.cooperative, step.cluster)


def draw_poisons(rng: np.random.Generator) -> tuple[int, int]:
    """Two 32-bit patterns with random bits: quiet NaNs in f16, bf16, f32 and f64, and ordinary positive numbers in all
    of them. The halves differ, so that a pattern does not give itself away.
    """
    nans, numbers = 0xFFC1 + rng.choice(0x3F, 2, replace=False), 0x4201 + rng.choice(0xFF, 2, replace=False)
    return int(nans[0]) << 16 | int(nans[1]), int(numbers[0]) << 16 | int(numbers[1])
