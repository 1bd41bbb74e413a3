"""What the record suggests for the rules of decisions.toml: each proposal with the figures that it rests on."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kernelevo.decisions import STOP_RULE
from kernelevo.harness import DecisionFile, RuleChoice
from kernelevo.levers.harness.tries import Comparison, RuleGain, Try

CHANCE = 0.1
"""A difference that chance alone shows more often than this is not acted on; the gate still has the last word."""
GAINED = math.log2(1.01)
"""Less than one per cent is no gain: modelled times of equal programs differ less, measured ones more."""
LEAST_TRIES, LEAST_TASKS = 12, 3
"""Before a rule is put off; twelve tries, since with fewer not even a rule that gains every fourth time is told from
one that never does (0.75^12 = 3 %).
"""
FURTHEST = 3.0
"""A bias is drafted no further: at e^3, 20 to 1, a rule is drawn nearly whenever it is legal, and replies only repeat.
On recorded searches of generated problems a larger bound made the best of four replies worse again.
"""
LEAST_BIASED = 3
"""Tries of a rule before its bias moves."""
AGAIN = 0.1
"""How likely a rule that is off is tried again, at each draft."""


@dataclass(frozen=True)
class Proposal:
    """`topic` says what is changed and which way; `weight` orders proposals (in log2 of the reward per evaluation, or
    what comes near it), and `make` changes the file.
    """

    topic: str
    weight: float
    reason: str
    make: Callable[[DecisionFile], DecisionFile]


def biases(file: DecisionFile, backend: str, found: Comparison, rate: float, divergence: float) -> Iterator[Proposal]:
    """Tilts the choice of rules towards what gained more than its neighbours: each bias moves by rate * A / temper,
    with A the rule's shrunk advantage, the step that gains most for its divergence from the present policy. The temper
    is such that the whole step has `divergence` nats. Its mean is 0, so that stopping is as likely as before. Nothing
    where chance explains the differences.
    """
    if found.p > CHANCE or not any(gain.shrunk for gain in found.rules.values()):
        return
    names = sorted(found.rules)
    shares = np.array([found.rules[name].tries for name in names], dtype=float)
    shares /= shares.sum()
    advantages = np.array([found.rules[name].shrunk for name in names])
    moves = rate * _tilt(shares, advantages, divergence)
    for name, move, share in zip(names, moves, shares, strict=True):
        old = file.choice(backend, name)
        bias = min(max(old.bias + float(move), -FURTHEST), FURTHEST)
        gain = found.rules[name]
        if abs(bias - old.bias) < 0.05 or gain.tries < LEAST_BIASED:
            continue
        yield Proposal(
            f"bias {name} {'up' if move > 0 else 'down'}", abs(float(move)) * float(share) * abs(gain.shrunk),
            f"{_told(name, gain)}; differences among rules as large come by chance with p = {found.p:.3g}; "
            f"bias {old.bias:+.2f} -> {bias:+.2f}",
            _set_rule(backend, name, RuleChoice(old.on, bias)),
        )  # fmt: skip


def _tilt(shares: np.ndarray, advantages: np.ndarray, divergence: float) -> np.ndarray:
    """Changes of logits, proportional to the advantages and without a mean, such that KL(tilted || shares) is
    `divergence`, or as near as no change beyond 2 allows.
    """
    centred = advantages - np.sum(shares * advantages)
    low, high = 0.0, 2.0 / max(float(np.max(np.abs(centred))), 1e-12)
    if _divergence(shares, centred * high) <= divergence:
        return centred * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _divergence(shares, centred * middle) < divergence else (low, middle)
    return centred * low


def _divergence(shares: np.ndarray, moves: np.ndarray) -> float:
    tilted = shares * np.exp(moves)
    tilted /= tilted.sum()
    return float(np.sum(tilted * np.log(tilted / shares)))


def _told(name: str, gain: RuleGain) -> str:
    return (
        f"{name}: {gain.tries} tries on {gain.tasks} tasks, log2 gain {gain.measured:+.3f} over others at the same "
        f"attempts ({gain.shrunk:+.3f} once noise is taken off)"
    )


def _set_rule(backend: str, rule: str, choice: RuleChoice) -> Callable[[DecisionFile], DecisionFile]:
    return lambda file: file.with_rule(backend, rule, choice)


def switches(file: DecisionFile, backend: str, tries: Sequence[Try], seed: int) -> Iterator[Proposal]:
    """Puts off what never gained though others did, and, now and then, on again what is off."""
    by_rule: dict[str, list[Try]] = defaultdict(list)
    for each in tries:
        by_rule[each.rule].append(each)
    gained = sum(each.gain > GAINED for each in tries) / max(len(tries), 1)
    on = {rule for rule in by_rule if file.choice(backend, rule).on}
    for rule, own in sorted(by_rule.items()):
        luck = (1 - gained) ** len(own)
        seen = len(own) >= LEAST_TRIES and len({each.task for each in own}) >= LEAST_TASKS
        if rule in on and len(on) > 2 and seen and luck < 0.05 and not any(each.gain > GAINED for each in own):
            on.discard(rule)
            yield Proposal(
                f"off {rule}", gained * len(own) / len(tries),
                f"{rule}: none of {len(own)} tries gained 1 %, where {gained:.0%} of all did; "
                f"a rule like the others shows that with p = {luck:.2g}",
                _set_rule(backend, rule, RuleChoice(False, file.choice(backend, rule).bias)),
            )  # fmt: skip
    for rule, choice in sorted(file.rules.get(backend, {}).items()):
        if not choice.on and rule != STOP_RULE and random.Random(f"{seed} {rule}").random() < AGAIN:
            yield Proposal(
                f"on {rule}", 0.0, f"{rule} is off and is tried again, as one in {round(1 / AGAIN)} drafts does",
                _set_rule(backend, rule, RuleChoice(True, min(choice.bias, 0.0))),
            )  # fmt: skip
