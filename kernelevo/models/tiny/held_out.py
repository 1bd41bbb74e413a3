"""How good choices are on recorded states: of a policy, of uniform choice, and of trying rules in their order.

Only states count in which there is something to be gained (more than NEAR). A gain is log2 of how much faster; what is
worse than what one has gains nothing. `top1` is the share of states in which the likeliest choice is as good as the
best there is, to within NEAR, and `first` the gain of that choice; `one` is the expected gain of one draw, and `four`
that of the best of four. All of it is over the options whose worth is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from kernelevo.models.tiny.imitation import loss_of
from kernelevo.models.tiny.network import TinyNetwork, collate
from kernelevo.models.tiny.training_data import State

NEAR = 0.03
"""log2: about 2 %."""
DRAWS = 4


@dataclass(frozen=True)
class Quality:
    top1: float
    first: float
    one: float
    four: float


@dataclass(frozen=True)
class HeldOut:
    """`loss` is the cross-entropy that training minimises, of all `states`; the rest is of those `gaining`, on which
    `best` is the mean of the best gain there is.
    """

    problems: int
    states: int
    gaining: int
    loss: float
    policy: Quality
    uniform: Quality
    order: Quality
    best: float

    def as_json(self) -> dict[str, Any]:
        plain = {name: value for name, value in asdict(self).items() if name != "policy"}
        return _rounded({**plain, **asdict(self.policy)})


def judge_on(states: Sequence[State], network: TinyNetwork, temperature: float, batch: int = 64) -> HeldOut:
    """`temperature` is the target's (base_training.py)."""
    probabilities: list[list[float]] = []
    loss = 0.0
    network.eval()
    with torch.no_grad():
        for begin in range(0, len(states), batch):
            some = states[begin : begin + batch]
            found = network(collate([state.encoded for state in some]))[0]
            loss += loss_of(found, some, temperature).item() * len(some)
            probabilities += [row[: len(state.gains)].exp().tolist() for row, state in zip(found, some, strict=True)]
    told = [(state, row) for state, row in zip(states, probabilities, strict=True) if max(_gains(state)) > NEAR]
    gaining = [state for state, _ in told]
    uniform = [[1.0] * len(state.gains) for state in gaining]
    return HeldOut(
        len({state.task for state in states}), len(states), len(gaining), loss / len(states),
        _quality(gaining, [row for _, row in told]), _quality(gaining, uniform), _ordered(gaining),
        _mean([max(_gains(state)) for state in gaining]),
    )  # fmt: skip


def _quality(states: Sequence[State], weights: Sequence[Sequence[float]]) -> Quality:
    """Of draws with these weights, over the options that were tried."""
    top, likeliest, one, four = [], [], [], []
    for state, row in zip(states, weights, strict=True):
        known = [weight for weight, gain in zip(row, state.gains, strict=True) if gain is not None]
        whole, gains, best = sum(known), _gains(state), max(_gains(state))
        chosen = [weight / whole for weight in known]
        most = max(chosen)
        first = [gain for gain, weight in zip(gains, chosen, strict=True) if weight == most]
        top.append(_mean([float(gain >= best - NEAR) for gain in first]))
        likeliest.append(_mean(first))
        one.append(sum(weight * gain for weight, gain in zip(chosen, gains, strict=True)))
        four.append(_best_of(chosen, gains, DRAWS))
    return Quality(_mean(top), _mean(likeliest), _mean(one), _mean(four))


def _ordered(states: Sequence[State]) -> Quality:
    """Of trying the options in their order, without chance: the first one, and the best of the first four."""
    top, one, four = [], [], []
    for state in states:
        places = [place for place, gain in zip(_places(state), state.gains, strict=True) if gain is not None]
        ordered = [gain for _, gain in sorted(zip(places, _gains(state), strict=True))]
        top.append(float(ordered[0] >= max(ordered) - NEAR))
        one.append(ordered[0])
        four.append(max(ordered[:DRAWS]))
    return Quality(_mean(top), _mean(one), _mean(one), _mean(four))


def _places(state: State) -> list[int]:
    """The place of each option in the backend's order, STOP last."""
    rules = [option.decision.rule for option in state.encoded.options]
    last = len(rules)
    return [last if rule == "stop" else place for rule, place in zip(rules, state.listed, strict=True)]


def _gains(state: State) -> list[float]:
    return [max(0.0, gain) for gain in state.gains if gain is not None]


def _best_of(chosen: Sequence[float], gains: Sequence[float], draws: int) -> float:
    """The expected maximum of so many independent draws."""
    below, expected = 0.0, 0.0
    for gain, weight in sorted(zip(gains, chosen, strict=True)):
        expected += gain * ((below + weight) ** draws - below**draws)
        below += weight
    return expected


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return round(value, 4) if isinstance(value, float) else value
