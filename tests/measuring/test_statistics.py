"""Intervals hold what they say they hold, on noise of any shape; ratios cancel drift; the stop rule stops."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelevo import statistics
from kernelevo.evaluators.measuring import FINAL_RULE, PAIRED_RULE, SEARCH_RULE
from kernelevo.measurement import Estimate
from kernelevo.statistics import StopRule, drift, median_interval, ratio_interval, spread

TIMES = st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=60)


def lognormal(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.exp(rng.normal(3.0, 0.2, count))


def two_clocks(rng: np.random.Generator, count: int) -> np.ndarray:
    """A card that changes between two clocks: bimodal."""
    return np.where(rng.random(count) < 0.5, 22.5, 25.5) + rng.exponential(0.5, count)


def long_tail(rng: np.random.Generator, count: int) -> np.ndarray:
    return 10.0 + rng.pareto(1.1, count)


@pytest.mark.parametrize("noise", [lognormal, two_clocks, long_tail])
@pytest.mark.parametrize("count", [6, 9, 25, 60])
def test_the_interval_holds_the_true_median_as_often_as_it_says(noise, count: int) -> None:
    rng = np.random.default_rng(7)
    truth = float(np.median(noise(rng, 400_000)))
    trials, held, said = 2000, 0, 0.0
    for _ in range(trials):
        estimate = median_interval(noise(rng, count).tolist())
        held += estimate.low <= truth <= estimate.high
        said += estimate.confidence
    assert said / trials >= 0.95
    # Three standard deviations of a share of 0.95 in 2000 trials.
    assert held / trials >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / trials)


def nearly_even(share: float, apart: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    """Two modes, so that the median lies at the edge of one of them."""
    return lambda rng, count: 100 * (1 + apart * (rng.random(count) < share)) + rng.normal(0, 0.1, count)


def slight(rng: np.random.Generator, count: int) -> np.ndarray:
    return 100 * np.exp(rng.normal(0, 0.01, count))


@pytest.mark.parametrize("rule", [SEARCH_RULE, FINAL_RULE, PAIRED_RULE], ids=["search", "final", "paired"])
@pytest.mark.parametrize("noise", [slight, lognormal, long_tail, nearly_even(0.48, 0.02), nearly_even(0.49, 0.1)])
def test_it_does_so_too_where_the_calls_end_because_it_is_narrow(noise, rule: StopRule) -> None:
    rng = np.random.default_rng(7)
    truth = float(np.median(noise(rng, 400_000)))
    trials, held, said = 500, 0, 0.0
    for _ in range(trials):
        samples = noise(rng, rule.most).tolist()
        count = next(count for count in range(rule.least, rule.most + 1) if rule.satisfied(samples[:count]))
        estimate = median_interval(samples[:count])
        held += estimate.low <= truth <= estimate.high
        said += estimate.confidence
    assert said / trials == pytest.approx(0.95)
    assert held / trials >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / trials)


def test_a_control_that_is_too_narrow_does_not_hold_it() -> None:
    """The test above can fail: the middle half of the samples holds the median far too seldom."""
    rng, held = np.random.default_rng(7), 0
    truth = float(np.median(lognormal(rng, 400_000)))
    for _ in range(1000):
        low, high = np.quantile(lognormal(rng, 25), [0.45, 0.55])
        held += low <= truth <= high
    assert held < 700


@given(TIMES)
def test_the_interval_lies_among_the_samples_and_holds_their_median(samples: list[float]) -> None:
    estimate = median_interval(samples)
    assert min(samples) <= estimate.low <= estimate.value <= estimate.high <= max(samples)
    assert estimate.samples == len(samples)
    assert (estimate.confidence >= 0.95) == (len(samples) >= statistics.LEAST_SAMPLES)


@given(TIMES, st.floats(0.01, 100.0))
def test_another_unit_is_the_same_estimate(samples: list[float], unit: float) -> None:
    one, other = median_interval(samples), median_interval([sample * unit for sample in samples])
    assert other.value == pytest.approx(one.value * unit) and other.low == pytest.approx(one.low * unit)


@given(st.lists(st.floats(1.0, 2.0), min_size=6, max_size=40), st.randoms())
def test_the_order_of_samples_does_not_matter_to_the_median(samples: list[float], random) -> None:
    shuffled = random.sample(samples, len(samples))
    assert median_interval(shuffled) == median_interval(samples)


@pytest.mark.parametrize("samples", [[], [1.0, math.nan], [math.inf]])
def test_what_is_no_time_is_refused(samples: list[float]) -> None:
    with pytest.raises(ValueError, match="finite samples"):
        median_interval(samples)


@settings(max_examples=50)
@given(st.floats(0.2, 5.0), st.floats(-0.02, 0.02), st.integers(6, 30))
def test_a_ratio_is_not_moved_by_drift(factor: float, slope: float, blocks: int) -> None:
    """The card gets slower by up to 2 % with each call, and both sides with it."""
    clock = iter(range(4 * blocks))
    a, b = 100.0, 100.0 * factor

    def call(time: float) -> float:
        return time * math.exp(slope * next(clock))

    rounds = [(call(a), call(b), call(b), call(a)) for _ in range(blocks)]
    estimate = ratio_interval(rounds)
    assert estimate.value == pytest.approx(factor, rel=1e-9)
    assert estimate.low == pytest.approx(factor, rel=1e-9)


def test_a_ratio_of_two_runs_of_the_same_is_one() -> None:
    rng, held = np.random.default_rng(3), 0
    for _ in range(500):
        blocks = [tuple(np.exp(rng.normal(0, 0.05, 4))) for _ in range(12)]
        estimate = ratio_interval(blocks)
        held += estimate.low <= 1.0 <= estimate.high
    assert held >= 500 * (0.95 - 3 * math.sqrt(0.05 * 0.95 / 500))


def test_sampling_stops_when_the_interval_is_narrow_or_there_are_many() -> None:
    rule = StopRule(least=6, most=20, width=0.01)
    assert not rule.satisfied([10.0] * 5)
    assert rule.satisfied([10.0] * 6)
    wide = [10.0, 12.0] * 10
    assert not rule.satisfied(wide[:19]) and rule.satisfied(wide)


@pytest.mark.parametrize("rule", [(5, 10, 0.1), (8, 7, 0.1), (6, 10, 0.0)])
def test_a_rule_that_cannot_work_is_refused(rule: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match="a rule takes"):
        StopRule(*rule)


def test_a_trend_is_told_from_noise() -> None:
    rng = np.random.default_rng(5)
    quiet = [drift((100 + rng.normal(0, 1, 30)).tolist()).is_real for _ in range(300)]
    assert sum(quiet) <= 3
    warming = drift([100 + 0.5 * call + float(rng.normal(0, 1)) for call in range(30)])
    assert warming.is_real and 0.08 < warming.change < 0.22
    assert drift([1.0, 2.0]).score == 0.0


@given(st.lists(st.floats(1.0, 100.0), min_size=6, max_size=25))
def test_a_trend_turns_with_the_order(samples: list[float]) -> None:
    assert drift(samples[::-1]).score == pytest.approx(-drift(samples).score)


def test_spread_is_that_of_a_normal_distribution() -> None:
    assert spread(np.random.default_rng(1).normal(5, 2, 20_000).tolist()) == pytest.approx(2, rel=0.05)


def test_an_estimate_lies_within_its_interval() -> None:
    with pytest.raises(ValueError, match="lies within"):
        Estimate(3.0, 1.0, 2.0, 0.95, 6)
    assert str(Estimate(10.0, 9.5, 11.0, 0.9688, 6)) == "10 [9.5, 11] (97%, 6 calls)"
