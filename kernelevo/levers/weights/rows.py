"""What can be learned from: the steps of the last generations, without those that say nothing about this policy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kernelevo.language_model import Prompt, Reply
from kernelevo.learning import PolicyVersion, Step
from kernelevo.learning_interfaces import LoopRecord
from kernelevo.levers.weights.objectives.advantages import Numbers, is_constant
from kernelevo.levers.weights.settings import WeightSettings

START_REWARD = 1.0
"""Of the start of a task, as backends define it."""


@dataclass(frozen=True)
class Row:
    """A reply to learn from. `value` is what it is worth, `gain` what it added to its parent (NaN: not known), `length`
    how many steps lead to it, itself included; `previous` is the row that made its parent, or -1. `stale`: another
    policy wrote it.
    """

    prompt: Prompt
    reply: Reply
    value: float
    gain: float
    length: int
    previous: int
    stale: bool


@dataclass(frozen=True)
class Selection:
    """`groups` are places of rows that answer one prompt; `excluded` counts steps by why they are no rows."""

    rows: Sequence[Row]
    groups: Sequence[tuple[int, ...]]
    excluded: Mapping[str, int]

    def values(self, group: Sequence[int]) -> Numbers:
        return np.array([self.rows[place].value for place in group])

    def telling(self) -> list[tuple[int, ...]]:
        """The groups within which values differ."""
        return [group for group in self.groups if not is_constant(self.values(group))]


def select(record: LoopRecord, policy: PolicyVersion, settings: WeightSettings) -> Selection:
    """Replies of one generation to one prompt, written by one policy, are a group."""
    last = record.generations()
    steps = [step for generation in range(last) for step in record.steps(generation)]
    rewards = {(step.task, step.candidate): step.reward for step in steps if step.candidate is not None}
    rows: list[Row] = []
    groups: dict[tuple[object, ...], list[int]] = {}
    made: dict[tuple[str, str | None], int] = {}
    excluded: Counter[str] = Counter()
    for step in steps:
        if step.generation < last - settings.generations:
            excluded["an earlier generation"] += 1
            continue
        if why := _why_not(step, policy, settings):
            excluded[why] += 1
            continue
        row = Row(
            step.prompt, step.reply, _value(step, settings), _gain(step, rewards), step.depth + 1,
            made.get((step.task, step.parent), -1), step.policy != policy,
        )  # fmt: skip
        groups.setdefault((step.generation, step.task, step.prompt.key, step.policy), []).append(len(rows))
        if step.candidate is not None:
            made.setdefault((step.task, step.candidate), len(rows))
        rows.append(row)
    return Selection(rows, [tuple(group) for group in groups.values()], dict(sorted(excluded.items())))


def _why_not(step: Step, policy: PolicyVersion, settings: WeightSettings) -> str:
    """Why a step is nothing to learn from, or ""."""
    if math.isnan(_value(step, settings)):
        return "missing data"
    if not step.reply.text and not step.reply.tokens:
        return "no text"
    if step.policy.model != policy.model:
        return "another model"
    if step.policy == policy:
        return ""
    if settings.stale == "exclude":
        return "another harness" if step.policy.harness != policy.harness else "another adapter"
    return "" if step.reply.tokens else "stale, without log-probabilities"


def _value(step: Step, settings: WeightSettings) -> float:
    """NaN where it is not known: faults of ours have no reward, and what follows them has none either."""
    value = step.best if settings.value == "best" and step.best is not None else step.reward
    return math.nan if value is None else value


def _gain(step: Step, rewards: Mapping[tuple[str, str | None], float | None]) -> float:
    """The reward above the parent's; 0.0 of a failure, after which one still has the parent."""
    parent = START_REWARD if step.depth == 0 else rewards.get((step.task, step.parent))
    if step.reward is None or parent is None:
        return math.nan
    return step.reward - parent if step.reward > 0 else 0.0
