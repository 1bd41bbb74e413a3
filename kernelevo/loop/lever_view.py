"""What a lever may know of a run: steps and results of the reward split, and what the gate said of its changes; not the
gate's own steps, and nothing that was sealed or audited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from kernelevo.learning import Change, Step, TaskResult
from kernelevo.loop.record import CHANGE, GATE, RESULT, Record


def reward_phase(generation: int) -> str:
    return f"reward:{generation}"


class LeverView:
    """A LoopRecord (learning_interfaces.py) over the record; `folder` is the run's, to which paths are relative."""

    def __init__(self, record: Record, folder: Path) -> None:
        self._record = record
        self._folder = folder

    def generations(self) -> int:
        return len({note["generation"] for note in self._record.notes(RESULT)})

    def steps(self, generation: int) -> Sequence[Step]:
        steps = [step for each in self._record.rounds(reward_phase(generation)) for step in each.steps]
        return with_best(steps)

    def results(self, generation: int) -> Sequence[TaskResult]:
        note = self._record.of_generation(RESULT, generation)
        return [] if note is None else [TaskResult(**plain) for plain in note["results"]]

    def changes(self) -> Sequence[tuple[Change, str]]:
        """In order; without those that the gate has not finished with, and those that were not drafted."""
        found = []
        for note in self._record.notes(CHANGE):
            gate = self._record.of_generation(GATE, note["generation"])
            if note["change"] is not None and gate is not None and gate["final"]:
                found.append((read_change(note["change"], self._folder), str(gate["result"])))
        return found


def with_best(steps: Sequence[Step]) -> list[Step]:
    """The steps of one generation, each with the highest reward of its candidate and of everything that was made of
    that in these steps: what a move that only enables others is worth shows in them.
    """
    below: dict[tuple[str, str], list[str]] = {}
    rewards: dict[tuple[str, str], float] = {}
    for step in steps:
        if step.candidate is not None:
            if step.fresh:
                below.setdefault((step.task, step.parent), []).append(step.candidate)
            if step.reward is not None:
                rewards[step.task, step.candidate] = step.reward

    @cache
    def best(task: str, name: str) -> float | None:
        values = [rewards.get((task, name)), *(best(task, child) for child in below.get((task, name), ()))]
        return max((value for value in values if value is not None), default=None)

    return [
        replace(step, best=step.reward if step.candidate is None else best(step.task, step.candidate))
        for step in steps
    ]


def plain_change(change: Change, folder: Path) -> dict[str, Any]:
    """For the record; its folder relative to the run's."""
    return {**vars(change), "details": dict(change.details), "folder": str(Path(change.folder).relative_to(folder))}


def read_change(plain: Mapping[str, Any], folder: Path) -> Change:
    return Change(**{**plain, "folder": str(folder / plain["folder"])})
