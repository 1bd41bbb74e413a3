"""The gate's statistics: what it lets through where there is no effect, and what it finds where there is one."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from kernelevo.learning import GateResult
from kernelevo.loop.gate import LEAST_PAIRS, GateRule, bounds, compare
from kernelevo.loop.student import probability, quantile

RULE = GateRule()


@pytest.mark.parametrize(
    ("p", "freedom", "value"),
    # Percentage points of Student's distribution as every table has them.
    [(0.975, 1, 12.706), (0.975, 2, 4.303), (0.975, 5, 2.571), (0.995, 10, 3.169), (0.95, 30, 1.697), (0.8, 7, 0.896)],
)
def test_quantiles_are_those_of_tables(p: float, freedom: int, value: float) -> None:
    assert quantile(p, freedom) == pytest.approx(value, abs=5e-4)
    assert quantile(1 - p, freedom) == pytest.approx(-value, abs=5e-4)
    assert probability(quantile(p, freedom), freedom) == pytest.approx(p)


def test_a_verdict_s_numbers_are_those_of_the_pairs() -> None:
    before, after = [0.5] * 8, [1.5, 1.5, 2.5, 2.5, 1.5, 2.5, 1.5, 2.5]
    verdict = compare(before, after, GateRule(looks=1), 0)
    differences = [1.0, 1.0, 2.0, 2.0, 1.0, 2.0, 1.0, 2.0]
    error = statistics.stdev(differences) / math.sqrt(8)
    half = 1.8946 * error  # t of 0.95 at 7 degrees of freedom
    assert verdict.result is GateResult.ACCEPT and verdict.pairs == 8
    assert (verdict.difference, verdict.low, verdict.high) == pytest.approx((1.5, 1.5 - half, 1.5 + half), abs=1e-3)
    assert verdict.detectable == pytest.approx((1.8946 + 0.8960) * error, abs=1e-3)


def test_looks_share_the_error() -> None:
    differences = [0.1, 0.5, -0.2, 0.9, 0.3, 0.4, 0.0, 0.6]
    once, often = bounds(differences, GateRule(looks=1), 0), [bounds(differences, RULE, look) for look in range(3)]
    assert {each[0] for each in often} == {once[0]}
    assert often[0][1] < often[1][1] < often[2][1] < once[1]  # a later look needs less to be sure
    assert {each[2] for each in often} == {often[0][2]} and often[0][2] > once[2]
    assert sum(map(RULE.may_err, range(3))) == pytest.approx(RULE.alpha)


def test_what_is_worse_equal_or_unclear_is_not_accepted() -> None:
    same = [1.0, 2.0, 3.0, 1.5, 1.2, 2.2]
    assert compare(same, same, RULE, 0).result is GateResult.REJECT
    assert compare(same, [value - 1 for value in same], RULE, 0).result is GateResult.REJECT
    unclear = compare(same, [3.0, 1.0, 3.0, 1.5, 3.0, 1.0], RULE, 0)
    assert unclear.result is GateResult.UNDECIDED and "more pairs may tell" in unclear.reason
    assert "3 looks could not tell" in compare(same, [3.0, 1.0, 3.0, 1.5, 3.0, 1.0], RULE, 2).reason


def test_missing_data_take_their_pair_away_and_few_pairs_tell_nothing() -> None:
    before: list[float | None] = [1.0] * (LEAST_PAIRS + 1)
    after: list[float | None] = [2.0 + 0.001 * number for number in range(LEAST_PAIRS + 1)]
    assert compare(before, after, RULE, 0).result is GateResult.ACCEPT
    verdict = compare([None, *before[1:]], [*after[:-1], None], RULE, 0)
    assert verdict.result is GateResult.UNDECIDED and (verdict.pairs, verdict.missing) == (LEAST_PAIRS - 1, 2)


def test_differences_without_any_spread_count_by_their_signs() -> None:
    for pairs, result in ((6, GateResult.UNDECIDED), (9, GateResult.ACCEPT)):
        assert compare([1.0] * pairs, [1.25] * pairs, RULE, 0).result is result
    assert compare([1.0] * 6, [1.25] * 6, GateRule(looks=1), 0).result is GateResult.ACCEPT, "1/64 is below 5 %"


def test_a_value_below_the_start_s_is_no_datum() -> None:
    with pytest.raises(ValueError, match="no less than the start"):
        compare([1.0] * 6, [-0.1] * 6, RULE, 0)


def gate(effect: float, source: random.Random, skewed: bool) -> GateResult:
    """A gate as it is run: looks at 12 and 24 pairs, until one decides."""
    before: list[float | None] = []
    after: list[float | None] = []
    for look in range(RULE.looks):
        for _ in range(12):
            task = source.uniform(0, 2)
            draws = [source.expovariate(2.5) if skewed else source.gauss(1, 0.3) for _ in range(2)]
            before.append(10 + task + draws[0])
            after.append(10 + task + draws[1] + effect)
        verdict = compare(before, after, RULE, look)
        if verdict.result is not GateResult.UNDECIDED:
            break
    return verdict.result


@pytest.mark.parametrize("skewed", [False, True])
def test_without_an_effect_less_than_alpha_is_accepted(skewed: bool) -> None:
    source = random.Random(20260101)
    accepted = sum(gate(0.0, source, skewed) is GateResult.ACCEPT for _ in range(1500))
    # Within three standard errors of 1500 draws.
    assert accepted / 1500 < RULE.alpha + 3 * math.sqrt(RULE.alpha / 1500)


def test_what_is_worse_is_hardly_ever_accepted() -> None:
    source = random.Random(3)
    assert sum(gate(-0.3, source, False) is GateResult.ACCEPT for _ in range(600)) <= 1


def test_a_clear_effect_is_found() -> None:
    source = random.Random(4)
    found = sum(gate(0.4, source, False) is GateResult.ACCEPT for _ in range(400))
    assert found / 400 > 0.85


def test_the_detectable_difference_is_found_about_four_times_in_five() -> None:
    source = random.Random(5)
    rule = GateRule(looks=1)
    detectable = statistics.fmean(
        compare([10 + source.gauss(0, 0.4) for _ in range(20)], [10 + source.gauss(0, 0.4) for _ in range(20)], rule, 0)
        .detectable for _ in range(200)
    )  # fmt: skip
    found = 0
    for _ in range(600):
        before = [10 + source.gauss(0, 0.4) for _ in range(20)]
        found += compare(before, [10 + source.gauss(detectable, 0.4) for _ in range(20)], rule, 0).low > 0
    assert 0.72 < found / 600 < 0.88
