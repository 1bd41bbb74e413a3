"""Fits the parameters of a calibration to measured times: robust least squares on the logarithm of time.

Errors are logarithms of modelled / measured, so that twice as slow and twice as fast weigh the same; beyond HUBER an
error counts by its size only, so that a few kernels the model is blind to do not bend the rest. The minimum is found by
Levenberg-Marquardt with iterated weights, in coordinates where each parameter runs over the whole line between its
limits. A weak pull holds parameters that the measurements say nothing of at the values of the table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernelevo.devices.calibrating import PARAMETERS, calibrated
from kernelevo.devices.cost import estimate
from kernelevo.devices.gpus import Gpu
from kernelevo.devices.occupancy import Occupancy

Vector = npt.NDArray[np.float64]
HUBER = 0.2
"""Natural logarithm: 22 %."""
_PULL = 0.02
_ROUNDS = 60
_STEP = 1e-4


@dataclass(frozen=True)
class Measurement:
    """One measured kernel: its launches as the virtual GPU counted them, and how many microseconds the card took."""

    family: str
    kernel: str
    us: float
    steps: tuple[tuple[Mapping[str, int], Occupancy], ...]


def modelled_us(gpu: Gpu, measurement: Measurement, parameters: Mapping[str, float]) -> float:
    """Time of all its launches with these parameters in place of the table's."""
    card = calibrated(gpu, parameters)
    return sum(estimate(card, counts, held).us for counts, held in measurement.steps)


def log_errors(gpu: Gpu, data: Sequence[Measurement], parameters: Mapping[str, float]) -> Vector:
    return np.array([math.log(modelled_us(gpu, each, parameters) / each.us) for each in data])


def fit(gpu: Gpu, data: Sequence[Measurement]) -> dict[str, float]:
    """Parameters (names and limits of PARAMETERS) that explain the measurements best."""
    start = _inside(np.array([_to_line(name, value) for name, value in _of_table(gpu).items()]))
    at, damping = start, 1e-2
    best = _loss(gpu, data, at, start)
    for _ in range(_ROUNDS):
        errors, slopes = _linear(gpu, data, at)
        weights = np.minimum(1.0, HUBER / np.maximum(np.abs(errors), 1e-12))
        normal = slopes.T @ (weights[:, None] * slopes) + _PULL**2 * np.eye(len(at))
        gradient = slopes.T @ (weights * errors) + _PULL**2 * (at - start)
        moved = _inside(at - np.linalg.solve(normal + damping * np.diag(np.diag(normal)), gradient))
        loss = _loss(gpu, data, moved, start)
        if loss < best:
            gain, best, at, damping = best - loss, loss, moved, max(damping / 3, 1e-6)
            if gain < 1e-9 * max(best, 1e-9):
                break
        elif (damping := damping * 4) > 1e8:
            break
    return _parameters(at)


def _of_table(gpu: Gpu) -> dict[str, float]:
    """The parameters that change nothing; full overlap stands at a quarter of its range, where it has a slope."""
    plain = {"launch_us": gpu.launch_us, "dram_efficiency": gpu.dram_efficiency, "overlap": 16.0}
    return {name: plain.get(name, 1.0) for name in PARAMETERS}


def _loss(gpu: Gpu, data: Sequence[Measurement], at: Vector, start: Vector) -> float:
    size = np.abs(log_errors(gpu, data, _parameters(at)))
    huber = np.where(size <= HUBER, size**2 / 2, HUBER * (size - HUBER / 2))
    return float(huber.sum() + _PULL**2 * ((at - start) ** 2).sum() / 2)


def _linear(gpu: Gpu, data: Sequence[Measurement], at: Vector) -> tuple[Vector, Vector]:
    """Errors, and how each of them changes with each coordinate."""
    errors = log_errors(gpu, data, _parameters(at))
    moved = [log_errors(gpu, data, _parameters(at + _STEP * unit)) for unit in np.eye(len(at))]
    return errors, (np.array(moved) - errors).T / _STEP


def _parameters(at: Vector) -> dict[str, float]:
    return {name: _from_line(name, float(value)) for name, value in zip(PARAMETERS, at, strict=True)}


def _from_line(name: str, value: float) -> float:
    """From the whole line to between the parameter's limits, evenly in its logarithm."""
    low, high = map(math.log, PARAMETERS[name])
    return math.exp(low + (high - low) / (1 + math.exp(-value)))


def _to_line(name: str, value: float) -> float:
    low, high = map(math.log, PARAMETERS[name])
    share = (math.log(value) - low) / (high - low)
    return math.log(share / (1 - share)) if 0 < share < 1 else math.copysign(math.inf, share - 0.5)


def _inside(at: Vector) -> Vector:
    """Short of the limits, where the line has no slope any more."""
    return np.clip(at, -8.0, 8.0)
