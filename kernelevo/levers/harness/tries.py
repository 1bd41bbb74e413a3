"""What each rule brought, from the steps of a record: the data of the lever that works without a language model.

A *try* is one decision at one attempt, however often it was drawn. Its gain is log2(best / reward of the attempt),
where `best` is the highest reward among what it made and everything made of that: an enabling move is credited with
what it enabled. What is slower, or fails by its own fault, has gain 0: it cost an evaluation and took nothing away,
since the attempt stays. What is missing data (our own faults) is no try.

Gains of different attempts are not comparable (the first changes of a naive kernel gain more than the last ones of a
good one), so that rules are compared by *advantages*: a try's gain over the mean of the other tries at its attempt.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kernelevo.decisions import STOP_RULE, read_decision
from kernelevo.learning import Step

MOST_GAIN = 2.0
"""Four times as fast counts as much as more: a single leap of one naive kernel would else outweigh all other tries."""
SHUFFLES = 999
"""Of a permutation test: its least p is 1/1000."""


@dataclass(frozen=True)
class Try:
    """`log_probability` is that of the decision under the policy that drew it, None where that is not recorded."""

    task: str
    family: str
    parent: str
    rule: str
    depth: int
    gain: float
    log_probability: float | None = None


def tries_of(steps: Iterable[Step]) -> list[Try]:
    """The tries of these steps, in the order of their first draw."""
    steps = list(steps)
    rewards = {(step.task, step.candidate): step.reward for step in steps if step.candidate and step.reward}
    found: dict[tuple[str, str, str], Try] = {}
    for step in steps:
        decision = read_decision(step.reply.text)
        if decision is None or decision.rule == STOP_RULE or step.candidate is None or step.reward is None:
            continue
        before = rewards.get((step.task, step.parent), 1.0 if step.depth == 0 else None)
        if before is None:
            continue
        gain = math.log2(max(step.best or 0.0, step.reward) / before) if step.reward > 0 else 0.0
        gain = min(max(gain, 0.0), MOST_GAIN)
        key = (step.task, step.parent, str(decision))
        if key not in found or found[key].gain < gain:
            likely = _log_probability(step)
            found[key] = Try(step.task, step.family, step.parent, decision.rule, step.depth, gain, likely)
    return list(found.values())


def _log_probability(step: Step) -> float | None:
    tokens = step.reply.tokens
    return sum(token.log_probability for token in tokens) if tokens else None


def likeliest_against_others(tries: Sequence[Try]) -> list[float]:
    """For each attempt at which several tries were made, the gain of the one that the policy held likeliest over the
    mean of the others; without ties, and without attempts whose probabilities are not known.
    """
    found = []
    for group in _groups([each for each in tries if each.log_probability is not None]):
        first, *others = sorted(group, key=lambda each: -(each.log_probability or 0.0))
        found.append(first.gain - sum(each.gain for each in others) / len(others))
    return [difference for difference in found if difference]


@dataclass(frozen=True)
class RuleGain:
    """A rule's mean advantage in log2 of the reward: `measured`, and `shrunk` towards 0 by what noise explains."""

    tries: int
    tasks: int
    measured: float
    shrunk: float


@dataclass(frozen=True)
class Comparison:
    """Rules compared. `p` is how often chance alone, labels shuffled within each attempt, tells rules apart as much."""

    rules: Mapping[str, RuleGain]
    p: float
    tries: int


def compare_rules(tries: Sequence[Try], seed: int) -> Comparison:
    """By advantages within attempts at which at least two tries were made; deterministic by the seed."""
    groups = _groups(tries)
    kept = [each for group in groups for each in group]
    if len({each.rule for each in kept}) < 2:
        return Comparison({}, 1.0, len(kept))
    names = sorted({each.rule for each in kept})
    labels = np.array([names.index(each.rule) for each in kept])
    attempts = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    advantages = np.concatenate([_left_one_out(np.array([each.gain for each in group])) for group in groups])
    observed, means, shrunk = _between(advantages, labels, len(names))
    generator = np.random.default_rng(seed)
    beyond = sum(
        _between(advantages, _shuffled(labels, attempts, generator), len(names))[0] >= observed - 1e-12
        for _ in range(SHUFFLES)
    )
    rules = {
        name: RuleGain(
            int(np.sum(labels == number)), len({each.task for each in kept if each.rule == name}),
            float(means[number]), float(shrunk[number]),
        )
        for number, name in enumerate(names)
    }  # fmt: skip
    return Comparison(rules, (1 + beyond) / (1 + SHUFFLES), len(kept))


def _groups(tries: Sequence[Try]) -> list[list[Try]]:
    by_attempt: dict[tuple[str, str], list[Try]] = defaultdict(list)
    for each in tries:
        by_attempt[each.task, each.parent].append(each)
    return [group for group in by_attempt.values() if len(group) > 1]


def _left_one_out(gains: np.ndarray) -> np.ndarray:
    """Each gain less the mean of the others; gains float[n], n > 1."""
    return (gains - gains.mean()) * len(gains) / (len(gains) - 1)


def _between(values: np.ndarray, labels: np.ndarray, count: int) -> tuple[float, np.ndarray, np.ndarray]:
    """How far apart the labels' means are (Cochran's Q with one pooled variance), the means, and these shrunk by
    DerSimonian and Laird's estimate of the variance between labels (1986): the empirical Bayes estimate.
    """
    sizes = np.bincount(labels, minlength=count)
    means = np.bincount(labels, values, minlength=count) / np.maximum(sizes, 1)
    free = max(len(values) - count, 1)
    within = max(float(np.sum((values - means[labels]) ** 2)) / free, 1e-12)
    weights = sizes / within
    middle = np.sum(weights * means) / np.sum(weights)
    apart = float(np.sum(weights * (means - middle) ** 2))
    scale = np.sum(weights) - np.sum(weights**2) / np.sum(weights)
    between = max(0.0, (apart - (count - 1)) / scale) if scale > 0 else 0.0
    return apart, means, means * between / (between + within / np.maximum(sizes, 1))


def _shuffled(labels: np.ndarray, attempts: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The labels in another order within each attempt; labels of one attempt stand together."""
    return labels[np.lexsort((generator.random(len(labels)), attempts))]
