"""Where a launch lies under the roofs of its card: Williams, Waterman and Patterson, "Roofline: an insightful visual
performance model" (CACM 2009), with a roof for each level of memory (hierarchical) and, for kernels without floating
point, warp instructions in the place of FLOP (Ding and Williams, "An Instruction Roofline Model for GPUs", PMBS 2019).

The work and the bytes are counted; the time is the device's, without the overhead of a launch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernelevo.diagnosis.subject import Subject
from kernelevo.diagnosis.traffic import traffic
from kernelevo.diagnosis.work import flop

LEAST_FLOP = 0.05
"""FLOP for each thread instruction, below which a kernel is taken to compute nothing worth the name."""


@dataclass(frozen=True)
class Point:
    """One level of memory: work for each byte that it moved, and what its bandwidth would allow of it."""

    level: str
    moved_bytes: int
    intensity: float
    bytes_per_us: float

    @property
    def roof(self) -> float:
        """Work in a microsecond, if this level alone decided."""
        return self.intensity * self.bytes_per_us


@dataclass(frozen=True)
class Roofline:
    """`work` in `unit`s, done in `us`; `peaks` are roofs of computing, in units per microsecond, the first that of the
    units which do most of this work.
    """

    unit: str
    work: int
    us: float
    peaks: Mapping[str, float]
    points: tuple[Point, ...]

    @property
    def attained(self) -> float:
        return self.work / self.us

    @property
    def roofs(self) -> dict[str, float]:
        """Every roof over this launch, lowest first."""
        name, peak = next(iter(self.peaks.items()))
        found = {point.level: point.roof for point in self.points} | {name: peak}
        return dict(sorted(found.items(), key=lambda item: item[1]))

    @property
    def fraction(self) -> float:
        """Of the lowest roof, that is attained."""
        return self.attained / next(iter(self.roofs.values()))


def roofline(subject: Subject) -> Roofline | None:
    """None where the card or the time is not known, or nothing was done."""
    card, us = subject.card, kernel_us(subject)
    if card is None or us is None:
        return None
    done = flop(subject.step.lines)
    unit, work, peaks = "FLOP", sum(done.values()), {}
    if done and work > LEAST_FLOP * subject.counts.get("thread_instructions", 0):
        order = sorted(done, key=lambda kind: -done[kind] / card.flop_per_us[kind])
        peaks = {kind: card.flop_per_us[kind] for kind in order}
    else:
        unit, work = "warp instructions", subject.counts.get("warp_instructions", 0)
        peaks = {"issue": card.instructions_per_us}
    moved = traffic(subject.counts)
    levels = {"L1": moved.l1_bytes, "L2": moved.l2_bytes, "DRAM": moved.dram_bytes, "shared memory": moved.shared_bytes}
    points = tuple(
        Point(level, amount, work / amount, card.bytes_per_us[level]) for level, amount in levels.items() if amount
    )
    return Roofline(unit, work, us, peaks, points) if work else None


def kernel_us(subject: Subject) -> float | None:
    """The launch's time without launching, in microseconds; None if nothing is left of it."""
    if subject.step.time is None or subject.card is None:
        return None
    left = subject.step.time.microseconds - subject.card.launch_us
    return left if left > 0 else None
