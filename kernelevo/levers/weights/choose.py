"""Which objective fits the rewards at hand: rules with thresholds, in order; the same record gives the same choice.

    nothing differs within any group, or nothing succeeded      none: there is nothing to learn
    every group holds the same values in another order          dpo: they are ranks, their sizes say nothing
    few replies succeed                                         best_of_n: imitate these until more do
    few states have two replies, and steps follow steps         ppo: only a value head gives a baseline
    few replies a group                                         reinforce: no figure of so few but a difference is known
    sparse or right-skewed within groups                        entropic: what counts is the rare best
    dense, and some groups differ much more than others         reinforce: a group's own deviation is no good measure
    dense, groups that differ alike                             grpo
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, get_args

import numpy as np

from kernelevo.levers.weights.objectives.advantages import Numbers, is_constant, present

Objective = Literal["grpo", "ppo", "entropic", "reinforce", "best_of_n", "dpo"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)

COLD = 0.1
"""Share of replies that succeed, below which a group of six most likely holds none: too little to compare."""
COMPARED = 0.5
"""Share of replies that have another one to the same prompt; below it most have no baseline within their group."""
LONG = 1.5
"""Steps that lead to a reply, on average, from which on credit has to be passed back along trajectories."""
SKEWED = 1.0
"""Skewness of standardised rewards from which one calls a distribution highly skewed; 2 is an exponential's."""
SPARSE = 0.5
"""Share of replies at the bottom of their group: above it the median reply tells nothing, only the few others do."""
LARGE = 6.0
"""Replies a group has on average, from which its standard deviation is known to about a third (1 / sqrt(2 (k - 1))),
and a tilt of ln 2 nats still rests on three of them. On recorded groups of 3.9 right-skewed replies plain differences
taught `tiny` more than the tilt at the same divergence."""
UNLIKE = 4.0
"""Deviation of the groups that differ most to that of those that differ least (ninth and first decile), from which on
dividing each by its own makes the least differences as loud as the largest (arXiv:2503.20783 names this bias)."""
_RANKED_GROUPS, _RANKED_VALUES = 2, 3


@dataclass(frozen=True)
class Shape:
    """The rewards of groups of replies, in figures. `replies` have a reward; `succeeded` is the share above 0.0,
    `compared` the share with another reply to the same prompt, `group` the mean size of groups that differ within,
    `bottom` the share of these groups' replies with the least reward, `skewness` that of their standardised rewards,
    `unlike` the ratio of the ninth to the first decile of their deviations, `length` the mean number of steps that lead
    to a reply, itself included. `ranked` says that every group holds the same values.
    """

    replies: int
    groups: int
    constant: int
    succeeded: float
    compared: float
    group: float
    bottom: float
    skewness: float
    unlike: float
    length: float
    ranked: bool


@dataclass(frozen=True)
class Choice:
    """`objective` None: there is nothing to learn. `why` is a sentence without its full stop."""

    objective: Objective | None
    why: str
    shape: Shape

    def json(self) -> dict[str, object]:
        return {"objective": self.objective, "why": self.why, "shape": asdict(self.shape)}


def shape_of(groups: Sequence[Numbers], lengths: Sequence[float]) -> Shape:
    """`groups` are the rewards of the replies to each prompt, NaN where missing; `lengths` the steps to each reply."""
    known = [group[present(group)] for group in groups]
    known = [group for group in known if group.size]
    telling = [group for group in known if not is_constant(group)]
    replies = sum(group.size for group in known)
    told = sum(group.size for group in telling)
    return Shape(
        replies=replies,
        groups=len(known),
        constant=len(known) - len(telling),
        succeeded=sum(int((group > 0).sum()) for group in known) / max(replies, 1),
        compared=sum(group.size for group in known if group.size > 1) / max(replies, 1),
        group=told / max(len(telling), 1),
        bottom=sum(int((group == group.min()).sum()) for group in telling) / max(told, 1),
        skewness=_skewness(telling),
        unlike=_unlike(telling),
        length=float(np.mean(lengths)) if len(lengths) else 0.0,
        ranked=_ranked(telling),
    )


def choose(shape: Shape) -> Choice:
    """The objective for rewards of this shape, by the rules at the top of this file."""
    objective, why = _rule(shape)
    return Choice(objective, why, shape)


def _rule(shape: Shape) -> tuple[Objective | None, str]:
    if not shape.replies or shape.succeeded == 0.0:
        return None, f"none of {shape.replies} replies with a reward succeeded, so there is nothing to learn from"
    # Steps that are compared with a value head's estimate need no second reply to their prompt.
    chained = shape.compared < COMPARED and shape.length >= LONG
    if shape.constant == shape.groups and not chained:
        return None, f"no two replies to one prompt differ in reward ({shape.groups} prompts), so none is preferred"
    if shape.ranked:
        return "dpo", "every group holds the same values in another order, so they are ranks and no amounts"
    if shape.succeeded < COLD:
        return "best_of_n", f"{shape.succeeded:.1%} of the replies succeed, fewer than {COLD:.0%}: imitate these first"
    if chained:
        return "ppo", (
            f"{shape.compared:.0%} of the replies have another one to the same prompt and {shape.length:.1f} steps "
            "lead to one, so a value head has to say what a state is worth"
        )
    if shape.group < LARGE:
        return "reinforce", f"a group has {shape.group:.1f} replies, too few to know more than differences"
    if shape.skewness >= SKEWED or shape.bottom > SPARSE:
        return "entropic", (
            f"rewards are right-skewed or sparse within groups (skewness {shape.skewness:.2f}, {shape.bottom:.0%} at "
            "the bottom), so what counts is the rare best"
        )
    if shape.unlike > UNLIKE:
        return "reinforce", (
            f"rewards are dense, and some groups differ {shape.unlike:.1f} times as much as others, so that a group's "
            "own deviation is no measure"
        )
    return "grpo", f"rewards are dense and a group has {shape.group:.1f} replies, enough to know a deviation"


def _skewness(telling: Sequence[Numbers]) -> float:
    """Of all rewards, each group standardised on its own: the mean of the cubes."""
    if not telling:
        return 0.0
    standard = np.concatenate([(group - group.mean()) / group.std() for group in telling])
    return float(np.mean(standard**3))


def _unlike(telling: Sequence[Numbers]) -> float:
    if not telling:
        return 1.0
    low, high = np.quantile([group.std() for group in telling], [0.1, 0.9])
    return float(high / low)


def _ranked(telling: Sequence[Numbers]) -> bool:
    """At least two groups of the same values, and three different ones: passed or failed alone is no ranking."""
    held = Counter(tuple(sorted(group.tolist())) for group in telling)
    if len(held) != 1 or len(telling) < _RANKED_GROUPS:
        return False
    return len(set(next(iter(held)))) >= _RANKED_VALUES
