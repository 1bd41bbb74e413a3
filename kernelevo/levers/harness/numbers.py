"""What the record suggests for the other numbers of decisions.toml: how replies are drawn, how far and where the search
goes, and how a generation's evaluations are split among families. Each with the figures that it rests on.

A share of a count is acted on where its whole interval lies beyond a bound, so that few observations change nothing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from kernelevo.harness import DecisionFile
from kernelevo.harness.decision_file import EXPLORATIONS, MOST_DEPTH, MOST_RETRIES, NAME, SHARES, TEMPERATURES
from kernelevo.learning import Step
from kernelevo.levers.harness.proposals import CHANCE, GAINED, LEAST_TRIES, Proposal
from kernelevo.levers.harness.tries import Comparison, Try, likeliest_against_others
from kernelevo.statistics import share_interval

LEAST_TEMPERATURE = 0.25
"""Below it a policy only repeats itself, and what it repeats cannot be compared."""


def temperature(
    file: DecisionFile, steps: Sequence[Step], tries: Sequence[Try], found: Comparison, rate: float
) -> Iterator[Proposal]:
    """Lower where what the policy holds likeliest gains more than what else it tried, higher where it gains less:
    whether the policy is to be trusted more than it trusts itself. Where its probabilities are not known: higher where
    most replies repeat others, lower where none do and some rules are known to be better.
    """
    if any(each.log_probability is not None for each in tries):
        yield from _by_trust(file, tries, rate)
    else:
        yield from _by_repeats(file, steps, found, rate)


def _by_trust(file: DecisionFile, tries: Sequence[Try], rate: float) -> Iterator[Proposal]:
    differences = likeliest_against_others(tries)
    won = sum(difference > 0 for difference in differences)
    low, high = share_interval(won, len(differences))
    factor = 0.5 if low > 0.5 else 2.0 if high < 0.5 else None
    if factor is None or len(differences) < LEAST_TRIES:
        return
    mean = float(np.mean(differences))
    yield _heated(
        file, factor**rate, abs(mean) / 4,
        f"the likeliest try gained more than the others at its attempt in {won} of {len(differences)} (95 % interval "
        f"{low:.0%} to {high:.0%}), {mean:+.3f} in log2 on average",
    )  # fmt: skip


def _by_repeats(file: DecisionFile, steps: Sequence[Step], found: Comparison, rate: float) -> Iterator[Proposal]:
    drawn = [step for step in steps if step.candidate is not None]
    repeated = sum(not step.fresh for step in drawn)
    low, high = share_interval(repeated, len(drawn))
    known = found.p <= CHANCE
    factor = 1.5 if low > 0.3 else 1 / 1.5 if high < 0.15 and known else None
    if factor is None or len(drawn) < 30:
        return
    known_words = "" if factor > 1 else f", and rules are known to differ (p = {found.p:.3g})"
    yield _heated(
        file, factor**rate, 0.02,
        f"{repeated} of {len(drawn)} replies repeat others (95 % interval {low:.0%} to {high:.0%}){known_words}",
    )  # fmt: skip


def _heated(file: DecisionFile, factor: float, weight: float, why: str) -> Proposal:
    value = round(min(max(file.temperature * factor, LEAST_TEMPERATURE), TEMPERATURES[1]), 3)
    return Proposal(
        f"temperature {'up' if factor > 1 else 'down'}", weight,
        f"{why}; temperature {file.temperature:g} -> {value:g}", lambda own: replace(own, temperature=value),
    )  # fmt: skip


def depth(file: DecisionFile, tries: Sequence[Try]) -> Iterator[Proposal]:
    """Deeper where the deepest moves still gain, shallower where the deeper ones never do."""
    last = [each for each in tries if each.depth == file.depth - 1]
    gained = sum(each.gain > GAINED for each in last)
    low, high = share_interval(gained, len(last))
    if len(last) >= LEAST_TRIES and low > 0.1 and file.depth < MOST_DEPTH:
        value, way = file.depth + 1, "up"
    elif len(last) >= LEAST_TRIES and high < 0.1 and file.depth > 2:
        value, way = file.depth - 1, "down"
    else:
        return
    yield Proposal(
        f"depth {way}", 0.01,
        f"{gained} of {len(last)} tries at the last depth gained (95 % interval {low:.0%} to {high:.0%}); "
        f"depth {file.depth} -> {value}",
        lambda own: replace(own, depth=value),
    )  # fmt: skip


def retries(file: DecisionFile, steps: Sequence[Step]) -> Iterator[Proposal]:
    """More where asking again after a turn that gave nothing new brings something new, fewer where it does not."""
    turns: dict[tuple[str, str], dict[int, bool]] = defaultdict(lambda: defaultdict(bool))
    for step in steps:
        turns[step.task, step.parent][step.turn] |= step.fresh
    again = [
        fresh
        for own in turns.values()
        for (_, before), (_, fresh) in zip(sorted(own.items()), sorted(own.items())[1:], strict=False)
        if not before
    ]
    low, high = share_interval(sum(again), len(again))
    value = file.retries + (1 if low > 0.4 else -1 if high < 0.2 else 0)
    if len(again) >= 8 and value != file.retries and 0 <= value <= MOST_RETRIES:
        yield Proposal(
            f"retries {'up' if value > file.retries else 'down'}", 0.01,
            f"{sum(again)} of {len(again)} questions after one that gave nothing new gave something "
            f"(95 % interval {low:.0%} to {high:.0%}); retries {file.retries} -> {value}",
            lambda own: replace(own, retries=value),
        )  # fmt: skip


def exploration(file: DecisionFile, steps: Sequence[Step], rate: float) -> Iterator[Proposal]:
    """Higher where new records of a task come from attempts that were not its best, lower where never."""
    elsewhere = [from_best is False for from_best in _records(steps)]
    low, high = share_interval(sum(elsewhere), len(elsewhere))
    factor = 1.5 if low > 0.4 else 1 / 1.5 if high < 0.2 else None
    if len(elsewhere) < LEAST_TRIES or factor is None or file.exploration == 0:
        return
    value = round(min(max(file.exploration * factor**rate, 0.05), EXPLORATIONS[1]), 3)
    yield Proposal(
        f"exploration {'up' if factor > 1 else 'down'}", 0.01,
        f"{sum(elsewhere)} of {len(elsewhere)} new bests were made of an attempt that was not the best "
        f"(95 % interval {low:.0%} to {high:.0%}); exploration {file.exploration:g} -> {value:g}",
        lambda own: replace(own, exploration=value),
    )  # fmt: skip


def _records(steps: Sequence[Step]) -> Iterator[bool]:
    """Of each new best of a task, after its first, whether it was made of the best before."""
    best: dict[tuple[int, str], tuple[float, str]] = {}
    for step in sorted(steps, key=lambda step: step.number):
        key = (step.generation, step.task)
        before = best.get(key)
        if step.candidate and step.reward and step.reward > (before[0] if before else 1.0) * 2**GAINED:
            if before is not None:
                yield step.parent == before[1]
            best[key] = (step.reward, step.candidate)


def shares(file: DecisionFile, backend: str, steps: Sequence[Step], seed: int, rate: float) -> Iterator[Proposal]:
    """More evaluations for families whose later half still gained, per evaluation; the budget itself stays."""
    late = late_gains(steps)
    families = sorted(family for family in late if len(late[family]) >= 2 and NAME.fullmatch(family))
    if len(families) < 2 or (p := _shuffle_test([late[family] for family in families], seed)) > CHANCE:
        return
    means = {family: float(np.mean(late[family])) for family in families}
    middle = float(np.mean(list(means.values())))
    own = file.shares.get(backend, {})
    for family in families:
        size = len(late[family])
        # Half of a mean's weight at two tasks: a prior of two tasks that gain like all.
        target = min(max((size * means[family] + 2 * middle) / (size + 2) / middle, 0.5), 2.0)
        old = own.get(family, 1.0)
        value = round(min(max(old * (target / old) ** rate, SHARES[0]), SHARES[1]), 3)
        if abs(value - old) >= 0.05:
            yield Proposal(
                f"share {family} {'up' if value > old else 'down'}", abs(value - old) * middle,
                f"{family}: log2 gain {means[family]:.4f} per evaluation in the later half, all families "
                f"{middle:.4f} (p = {p:.3g}); share {old:g} -> {value:g}",
                _set_share(backend, family, value),
            )  # fmt: skip


def late_gains(steps: Sequence[Step]) -> dict[str, list[float]]:
    """By family, for each task in each generation: log2 of what the later half of its evaluations made of its best, per
    evaluation.
    """
    tasks: dict[tuple[int, str, str], list[float]] = defaultdict(list)
    for step in sorted(steps, key=lambda step: step.number):
        if step.candidate is not None and step.reward is not None:
            tasks[step.generation, step.task, step.family].append(step.reward)
    late: dict[str, list[float]] = defaultdict(list)
    for (_, _, family), rewards in tasks.items():
        half = len(rewards) // 2
        if half:
            late[family].append(math.log2(max([1.0, *rewards]) / max([1.0, *rewards[:half]])) / (len(rewards) - half))
    return dict(late)


def _shuffle_test(groups: Sequence[Sequence[float]], seed: int) -> float:
    values = np.concatenate([np.asarray(group) for group in groups])
    ends = np.cumsum([len(group) for group in groups])[:-1]
    generator = np.random.default_rng(seed)

    def apart(order: np.ndarray) -> float:
        return sum(len(part) * float(np.mean(part) - np.mean(values)) ** 2 for part in np.split(order, ends))

    observed = apart(values)
    beyond = sum(apart(generator.permutation(values)) >= observed - 1e-15 for _ in range(499))
    return (1 + beyond) / 500


def _set_share(backend: str, family: str, value: float) -> Callable[[DecisionFile], DecisionFile]:
    return lambda file: file.with_share(backend, family, value)
