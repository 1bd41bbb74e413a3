"""What an arm had found after each evaluation of a task: read from the rounds of its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernelevo.loop.record import Round


@dataclass(frozen=True)
class Found:
    """The best of a task after `evaluations`: its reward and candidate (None: the start did not pass)."""

    evaluations: int
    reward: float | None
    candidate: str | None


def curve(rounds: Sequence[Round], task: str) -> list[Found]:
    """After each evaluation that was charged to the task, in order."""
    found: list[Found] = []
    best, candidate, count = None, None, 0
    for each in rounds:
        for start in each.starts:
            if start.task == task:
                count += 1
                best, candidate = (start.reward, start.candidate) if start.reward else (None, None)
                found.append(Found(count, best, candidate))
        for step in each.steps:
            if step.task == task and step.fresh:
                count += 1
                if step.reward and best is not None and step.reward > best:
                    best, candidate = step.reward, step.candidate
                found.append(Found(count, best, candidate))
    return found


def after(found: Sequence[Found], evaluations: int) -> Found:
    """What was the best after so many evaluations; what ended earlier found nothing more."""
    reached = [each for each in found if each.evaluations <= evaluations]
    return reached[-1] if reached else Found(0, None, None)
