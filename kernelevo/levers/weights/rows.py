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
LEAST_GAIN = math.log2(1.01)
"""Log2 of the reward over the parent's: one per cent is none."""


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
        value = _value(step, rewards, settings)
        if why := _why_not(step, value, policy, settings):
            excluded[why] += 1
            continue
        row = Row(
            step.prompt, step.reply, value, _gain(step, rewards), step.depth + 1,
            made.get((step.task, step.parent), -1), step.policy != policy,
        )  # fmt: skip
        groups.setdefault((step.generation, step.task, step.prompt.key, step.policy), []).append(len(rows))
        if step.candidate is not None:
            made.setdefault((step.task, step.candidate), len(rows))
        rows.append(row)
    return Selection(rows, [tuple(group) for group in groups.values()], dict(sorted(excluded.items())))


def _why_not(step: Step, value: float, policy: PolicyVersion, settings: WeightSettings) -> str:
    """Why a step is nothing to learn from, or ""."""
    if math.isnan(value):
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


Rewards = Mapping[tuple[str, str | None], float | None]


def _value(step: Step, rewards: Rewards, settings: WeightSettings) -> float:
    """NaN where it is not known: faults of ours have no reward, and what follows them has none either."""
    value = step.reward if settings.value == "reward" or step.best is None else step.best
    if settings.value == "gain":
        return _log_gain(value, _parent(step, rewards))
    return math.nan if value is None else value


def _log_gain(best: float | None, parent: float | None) -> float:
    """0.0 where nothing was gained: one still has the parent."""
    if best is None or not parent:
        return math.nan
    gain = math.log2(best / parent) if best > 0 else 0.0
    return gain if gain > LEAST_GAIN else 0.0


def _parent(step: Step, rewards: Rewards) -> float | None:
    return START_REWARD if step.depth == 0 else rewards.get((step.task, step.parent))


def _gain(step: Step, rewards: Rewards) -> float:
    """The reward above the parent's; 0.0 of a failure, after which one still has the parent."""
    parent = _parent(step, rewards)
    if step.reward is None or parent is None:
        return math.nan
    return step.reward - parent if step.reward > 0 else 0.0
