"""How many replies to one question: more of them try the same attempt in other ways, fewer go on sooner from what was
found. Both cost one evaluation each, and a record tells what each of them brought:

    the same again    a reply after one of its own question that had improved the task's best
    going on          the first reply to the next question, about that best

Before anything was improved there is no difference: the next question is about the same attempt.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kernelevo.harness import DecisionFile
from kernelevo.learning import Step
from kernelevo.levers.harness.proposals import CHANCE, GAINED, Proposal
from kernelevo.levers.harness.tries import SHUFFLES

LEAST_TASKS = 6
"""Tasks that show both, before anything is concluded."""
MOST_SAMPLES = 8
FACTOR = 2


@dataclass
class Additions:
    """Of one task in one generation: log2 of what single evaluations added to its best."""

    again: list[float] = field(default_factory=list)
    on: list[float] = field(default_factory=list)

    @property
    def difference(self) -> float | None:
        if not self.again or not self.on:
            return None
        return float(np.mean(self.on) - np.mean(self.again))


def samples(file: DecisionFile, steps: Sequence[Step], seed: int) -> Iterator[Proposal]:
    """Half as many where going on added more than the same again, task by task; twice as many where it added less."""
    differences = _differences(steps)
    if len(differences) < LEAST_TASKS:
        return
    p = _sign_test(differences, seed)
    if p <= CHANCE:
        yield from _moved(file, differences, f"p = {p:.3g}")


def trial(file: DecisionFile, steps: Sequence[Step]) -> Iterator[Proposal]:
    """The same move on the mean alone: what to try where the record tells nothing, and a gate would else be idle."""
    differences = _differences(steps)
    if len(differences) >= LEAST_TASKS:
        yield from _moved(file, differences, "which chance shows, too: a trial, for the gate to decide")


def _moved(file: DecisionFile, differences: np.ndarray, weighed: str) -> Iterator[Proposal]:
    mean = float(np.mean(differences))
    more = max(file.samples, min(MOST_SAMPLES, file.samples * FACTOR))
    value = max(1, file.samples // FACTOR) if mean > 0 else more
    if value != file.samples:
        yield Proposal(
            f"samples {'up' if value > file.samples else 'down'}", abs(mean),
            f"after an improvement an evaluation added {mean:+.3f} in log2 more where it went on from the best than "
            f"where the same question was answered again ({len(differences)} tasks, {weighed}); "
            f"samples {file.samples} -> {value}",
            lambda own: replace(own, samples=value),
        )  # fmt: skip


def _differences(steps: Sequence[Step]) -> np.ndarray:
    found = [each.difference for each in additions(steps)]
    return np.array([difference for difference in found if difference is not None])


def _sign_test(differences: np.ndarray, seed: int) -> float:
    """How often a mean as far from 0 comes of differences whose signs are tossed."""
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), (SHUFFLES, len(differences)))
    beyond = np.abs(signs @ differences) >= abs(float(differences.sum())) - 1e-12
    return (1 + int(beyond.sum())) / (1 + SHUFFLES)


def additions(steps: Sequence[Step]) -> list[Additions]:
    tasks: dict[tuple[int, str], list[Step]] = defaultdict(list)
    for step in sorted(steps, key=lambda step: step.number):
        if step.fresh and step.reward is not None:
            tasks[step.generation, step.task].append(step)
    return [_of_task(own) for own in tasks.values()]


def _of_task(steps: Sequence[Step]) -> Additions:
    found = Additions()
    best, name = 1.0, ""
    turn, improved = -1, False
    for step in steps:
        if step.turn != turn:
            turn, improved = step.turn, False
            goes_on = bool(name) and step.parent == name
        else:
            goes_on = False
        added = math.log2(max(best, step.reward or 0.0) / best)
        if improved:
            found.again.append(added)
        elif goes_on:
            found.on.append(added)
        if added > GAINED:
            best, name, improved = step.reward or best, step.candidate or "", True
    return found
