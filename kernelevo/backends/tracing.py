"""What the decisions on a task are worth, by bounded search: the rows that an embedded model's base is trained from.

From the start on, states are expanded: every legal decision is tried and judged. Which state comes next is, in turn,
the one with the highest reward and one drawn by lot, so that moves which gain nothing alone are followed, too. A row is
one expanded state:

    {"task", "family", "depth", "observation": text, "reward": its own, "options": [[decision, reward, best], ...]}

`best` is the highest reward of what the decision made and of all that was made of it. Rewards are null where they are
missing data. `stop` is not listed: it is worth the state's own reward.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from kernelevo.decisions import DecisionSettings, Observation
from kernelevo.learning_interfaces import TaskSession
from kernelevo.types import Attempt, Status


@dataclass(frozen=True)
class TraceLimits:
    """`states` are expanded at most, none deeper than `depth` moves, and `evaluations` is where no other is begun."""

    states: int = 9
    depth: int = 3
    evaluations: int = 70


@dataclass
class _State:
    attempt: Attempt
    reward: float | None
    observation: Observation | None = None
    children: dict[str, str] = field(default_factory=dict)
    """Ids by decision."""


def trace(session: TaskSession, settings: DecisionSettings, limits: TraceLimits, seed: int) -> list[dict[str, Any]]:
    """The rows of one task; empty if its start does not pass."""
    tree = _Tree(session, settings, limits, seed)
    tree.grow()
    return list(tree.rows())


class _Tree:
    """States by candidate id: what two paths lead to is one state, observed as it was reached first."""

    def __init__(self, session: TaskSession, settings: DecisionSettings, limits: TraceLimits, seed: int) -> None:
        self._session = session
        self._settings = settings
        self._limits = limits
        self._seed = seed
        self._rng = Random(f"{session.task} {seed}")
        self._states: dict[str, _State] = {}
        self._root = self._add(Attempt(session.start, session.judge(session.start, seed)))

    def grow(self) -> None:
        for turn in range(self._limits.states):
            state = self._next(by_lot=turn % 2 == 1)
            if state is None or len(self._states) >= self._limits.evaluations:
                return
            self._expand(state)

    def rows(self) -> Iterator[dict[str, Any]]:
        for state in self._states.values():
            if state.observation is not None:
                depth = len(state.attempt.candidate.moves)
                yield {
                    "task": self._session.task, "family": self._session.family, "depth": depth,
                    "observation": state.observation.text(), "reward": state.reward,
                    "options": [self._option(name, self._states[child]) for name, child in state.children.items()],
                }  # fmt: skip

    def _option(self, decision: str, child: _State) -> list[Any]:
        return [decision, child.reward, self._best(child, set())]

    def _best(self, state: _State, above: set[str]) -> float | None:
        """The highest reward of the state and of all below it; `above` are on the way to it, for moves may undo."""
        own = state.attempt.candidate.id
        below = [self._states[child] for child in state.children.values() if child not in above]
        found = [state.reward, *(self._best(child, above | {own}) for child in below)]
        return max((each for each in found if each is not None), default=None)

    def _next(self, by_lot: bool) -> _State | None:
        open_ones = [
            state
            for state in self._states.values()
            if state.observation is None
            and state.attempt.verdict.status is Status.PASSED
            and len(state.attempt.candidate.moves) <= self._limits.depth - 1
        ]
        if not open_ones:
            return None
        return self._rng.choice(open_ones) if by_lot else max(open_ones, key=lambda state: state.reward or 0.0)

    def _expand(self, state: _State) -> None:
        state.observation = self._session.observe(state.attempt, self._settings)
        for option in state.observation.options:
            candidate = self._session.apply(state.attempt, option.decision)
            if candidate is not None:
                if candidate.id not in self._states:
                    self._add(Attempt(candidate, self._session.judge(candidate, self._seed)))
                state.children[str(option.decision)] = candidate.id

    def _add(self, attempt: Attempt) -> _State:
        state = _State(attempt, self._session.reward(attempt.verdict))
        self._states[attempt.candidate.id] = state
        return state
