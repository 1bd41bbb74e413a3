"""What a loop may use, and how a generation's evaluations are split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelevo.errors import BadInput
from kernelevo.learning import Spending
from kernelevo.loop.budget import Account, LoopLimits, read_limits, split_evaluations
from kernelevo.loop.gate import LEAST_PAIRS
from kernelevo.loop.plan import LoopSettings, make_plan


def test_limits_are_read() -> None:
    assert read_limits("evaluations=400, seconds=1.5,gpu-seconds=2") == LoopLimits(400, None, None, 1.5, 2.0)
    assert read_limits("tokens=7,money=0.5") == LoopLimits(tokens=7, money=0.5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("evals=4", "there is no such limit"), ("evaluations=4,evaluations=5", "twice"), ("tokens=x", "not a whole"),
        ("seconds=0", "leaves nothing"), ("evaluations=-3", "leaves nothing"), ("money=nan", "leaves nothing"),
        ("seconds=inf", "leaves nothing"), ("evaluations=1.5", "not a whole number"),
    ],
)  # fmt: skip
def test_what_is_no_limit_is_said(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read_limits(text)


def test_a_call_is_refused_before_it_would_go_beyond_a_limit() -> None:
    account = Account(LoopLimits(10, tokens=100, money=1.0, seconds=60), lambda: Spending(8, 90, 0.9, 30))
    assert account.refusal(Spending(evaluations=2)) == ""
    assert "8 of 10 evaluations" in account.refusal(Spending(evaluations=3))
    assert "tokens" in account.refusal(Spending(tokens=11))
    assert "money" in account.refusal(Spending(money=0.2))
    assert "seconds" in account.refusal(Spending(seconds=31))
    left = {"evaluations": 2, "tokens": 10, "money": pytest.approx(0.1), "seconds": 30, "gpu_seconds": None}
    assert account.left() == left


def test_a_forecast_goes_by_what_was_taken_so_far() -> None:
    account = Account(LoopLimits(100, seconds=60), lambda: Spending(10, seconds=30, gpu_seconds=5))
    assert account.forecast(4) == Spending(4, seconds=pytest.approx(12), gpu_seconds=pytest.approx(2))
    assert account.refusal(account.forecast(10)) == "" and "seconds" in account.refusal(account.forecast(11))
    assert Account(LoopLimits(), Spending).forecast(3) == Spending(3)


def test_why_a_round_was_not_begun_is_remembered_until_one_is() -> None:
    spent = [Spending(4, seconds=0.8)]
    account = Account(LoopLimits(100, seconds=1), lambda: spent[0])
    assert "seconds" in account.stops(4) and account.stopped == account.stops(4)
    assert account.refusal(Spending(evaluations=1)) == "" and account.stopped
    assert account.stops(1) == account.stopped == ""
    assert Account(LoopLimits(), Spending, lambda: "no call fits").stops(1) == "no call fits"


def test_what_is_used_up_refuses_also_what_takes_nothing_of_it() -> None:
    account = Account(LoopLimits(10, seconds=60), lambda: Spending(seconds=61))
    assert "seconds" in account.refusal(Spending(evaluations=1))


def test_money_that_nobody_knows_is_refused_where_money_is_limited() -> None:
    account = Account(LoopLimits(money=1.0), lambda: Spending(money=None))
    assert "--price" in account.refusal(Spending())
    assert Account(LoopLimits(), lambda: Spending(money=None)).refusal(Spending()) == ""


@given(
    total=st.integers(0, 1000),
    families=st.lists(st.sampled_from(["a", "b", "c"]), max_size=12),
    shares=st.dictionaries(st.sampled_from(["a", "b", "c"]), st.floats(0, 10)),
    turn=st.integers(0, 5),
)
def test_shares_never_change_the_size(total: int, families: list[str], shares: dict[str, float], turn: int) -> None:
    split = split_evaluations(total, families, shares, turn)
    assert sum(split) == (total if families else 0) and all(each >= 0 for each in split)


def test_shares_weigh_families() -> None:
    assert split_evaluations(90, ["a", "b", "b"], {"a": 2.5, "b": 1.0}) == [50, 20, 20]
    assert split_evaluations(5, ["a", "a"], {}, 0) == [3, 2] and split_evaluations(5, ["a", "a"], {}, 1) == [2, 3]
    assert split_evaluations(9, ["a", "b"], {"a": 0.0, "b": 0.0}) == [5, 4]


@pytest.mark.parametrize("evaluations", [400, 1000, 2000, 9000])
@pytest.mark.parametrize("generations", [1, 3, 6])
def test_a_plan_fits_its_budget_or_says_what_would(evaluations: int, generations: int) -> None:
    settings = LoopSettings(generations=generations)
    try:
        plan = make_plan(evaluations, settings, 16)
    except BadInput as fault:
        least = int(str(fault).split("evaluations=")[1].split(",")[0])
        assert least > evaluations
        plan = make_plan(least, settings, 16)
        evaluations = least
    assert plan.pairs >= LEAST_PAIRS and plan.look <= plan.gate
    assert generations * (plan.learning + plan.gate) <= evaluations
    assert plan.learning >= 2 * plan.tasks


def test_without_levers_everything_is_for_searching() -> None:
    plan = make_plan(400, LoopSettings(levers=(), generations=4), 16)
    assert (plan.learning, plan.gate, plan.look) == (100, 0, 0)
