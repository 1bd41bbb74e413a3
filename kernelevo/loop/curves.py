"""What a policy had found after each evaluation of a task, read from the rounds of its record, and how soon."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kernelevo.loop.record import Round

EARLY = 4
"""Candidates of a task whose bests are averaged where two policies are compared: later most searches have found the
same, and what a policy knows shows in how soon it does. On generated problems four told more than six, for the same
evaluations: differences are larger, and more pairs are paid for."""


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


def earliness(bests: Sequence[float | None], candidates: int = EARLY) -> float | None:
    """The mean over k = 1 .. `candidates` of log2 of the best reward after k candidates: the area under the curve of
    the best so far. `bests` are the best rewards after each evaluation, the start's first. What ended earlier keeps
    what it had; None where the start did not pass.
    """
    if not bests or any(not best for best in bests):
        return None
    after = [bests[min(k, len(bests) - 1)] for k in range(1, candidates + 1)]
    return sum(math.log2(best) for best in after if best) / candidates
