"""The word of an option: how much of the time is spent where the decision would change something."""

from __future__ import annotations

import pytest

from kernelevo.backends.kernels.grammar import PLACES, words
from kernelevo.backends.kernels.places import place_word, time_shares
from kernelevo.decisions import STOP, Decision
from kernelevo.types import CaseResult, Figure, StepReport

TEXT = """
#pragma kernelevo launch first<<<ceildiv(n, BLOCK_1), BLOCK_1>>>(x, t, n)
#pragma kernelevo launch second<<<ceildiv(n, BLOCK_2), BLOCK_2>>>(t, u, n)
#pragma kernelevo launch first<<<ceildiv(n, BLOCK_2), 32>>>(u, y, n)
"""


def case(*times: tuple[str, float]) -> CaseResult:
    def us(value: float) -> Figure:
        return Figure(value, "us", "virtual:h100", "modelled")

    steps = tuple(StepReport(name, {}, time=us(time), details={"block": (32, 1, 1)}) for name, time in times)
    cleared = StepReport("", {}, time=us(1.0))
    return CaseResult("n=8", {"n": 8}, us(sum(time for _, time in times)), {}, "", 0.0, (cleared, *steps))


def test_each_launch_has_its_own_share_by_the_kernel_that_rules_give_it() -> None:
    assert time_shares(case(("first", 6.0), ("second", 3.0), ("first", 1.0))) == pytest.approx(
        {"first": 0.6, "second": 0.3, "first_2": 0.1}
    )


def test_a_copy_whose_name_is_taken_has_no_share_that_another_kernel_has() -> None:
    shares = time_shares(case(("first", 1.0), ("first_2", 8.0), ("first", 1.0)))
    assert shares["first_2"] == pytest.approx(0.8) and shares["first"] == pytest.approx(0.1)
    assert sum(time_shares(case(("first", 8.0), ("first", 1.0), ("first_2", 1.0))).values()) == pytest.approx(1.0)


def test_a_program_of_one_launch_has_no_places() -> None:
    assert time_shares(case(("first", 6.0))) == {}
    assert place_word(Decision("unroll", "first"), {}, TEXT) == ""


@pytest.mark.parametrize(
    ("decision", "word"),
    [
        (Decision("unroll", "first"), "place_half"),
        (Decision("vector_loads", "second width=4", 2), "place_quarter"),
        (Decision("unroll", "third"), "place_little"),
        (Decision("tune", "BLOCK_1", 64), "place_half"),
        (Decision("tune", "BLOCK_2", 64), "place_quarter"),
        (Decision("unroll", "first_2"), "place_tenth"),
        (Decision("tune", "BLOCK", 64), ""),
        (Decision("unroll", "elsewhere"), ""),
        (STOP, ""),
    ],
)
def test_an_option_has_the_word_of_the_launches_that_it_changes(decision: Decision, word: str) -> None:
    assert place_word(decision, {"first": 0.5, "second": 0.3, "first_2": 0.15, "third": 0.05}, TEXT) == word
    assert not word or word in words()


def test_every_share_has_a_word() -> None:
    for share in (0.0, 0.09, 0.1, 0.25, 0.5, 1.0):
        assert place_word(Decision("unroll", "a"), {"a": share}, "") in PLACES
