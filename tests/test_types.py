"""Impossible combinations cannot be built."""

from __future__ import annotations

import math

import pytest

from kernelevo.types import Budget, Buffer, Candidate, Check, Fault, Figure, RunReport, Status, StepReport, Verdict

TIME = Figure(4.0, "us", "virtual:h100", "modelled")
CHECKED = (Check("outputs", True, "all equal"),)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PASSED])
def test_a_failure_cannot_carry_a_score(status: Status) -> None:
    with pytest.raises(ValueError, match="score"):
        Verdict("id", "virtual:h100", status, "words", score=TIME)


def test_a_pass_needs_a_score_and_checks_that_passed() -> None:
    with pytest.raises(ValueError, match="score"):
        Verdict("id", "d", Status.PASSED, "words", checks=CHECKED)
    with pytest.raises(ValueError, match="checks"):
        Verdict("id", "d", Status.PASSED, "words", score=TIME)
    with pytest.raises(ValueError, match="checks"):
        Verdict("id", "d", Status.PASSED, "words", score=TIME, checks=(Check("outputs", False, "differs"),))
    assert Verdict("id", "d", Status.PASSED, "words", score=TIME, checks=CHECKED).score is TIME


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_a_sentence(status: Status) -> None:
    assert status.sentence.endswith(".")


def test_our_faults_are_never_held_against_a_candidate() -> None:
    assert not Status.INFRA.blames_candidate
    assert not Status.UNSUPPORTED.blames_candidate
    assert Status.WRONG.blames_candidate


@pytest.mark.parametrize(
    "other",
    [
        Figure(2.0, "us", "virtual:h100", "measured"),
        Figure(2.0, "us", "virtual:a100", "modelled"),
        Figure(2.0, "cycles", "virtual:h100", "modelled"),
    ],
)
def test_figures_of_different_kinds_are_not_compared(other: Figure) -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        TIME.ratio(other)


def test_figures_of_one_kind_are_compared() -> None:
    assert Figure(8.0, "us", "virtual:h100", "modelled").ratio(TIME) == 2.0


@pytest.mark.parametrize("value", [-1.0, math.nan])
def test_a_figure_is_a_non_negative_number(value: float) -> None:
    with pytest.raises(ValueError, match="non-negative"):
        Figure(value, "us", "d", "measured")


def test_nothing_runs_without_a_budget() -> None:
    with pytest.raises(ValueError, match="positive"):
        Budget(0, 1, 1)
    for seconds in (float("nan"), float("inf"), 1e300):
        with pytest.raises(ValueError, match="budget"):
            Budget(seconds, 1, 1)
    with pytest.raises(TypeError):
        Budget()  # type: ignore[call-arg]


def test_the_id_of_a_candidate_is_what_is_judged_and_not_who_wrote_it() -> None:
    one = Candidate("code", {"BLOCK": 128}, proposer="rules")
    assert one.id == Candidate("code", {"BLOCK": 128}, proposer="tune", parent="x").id
    assert one.id != Candidate("code", {"BLOCK": 256}).id
    assert one.id != Candidate("code ", {"BLOCK": 128}).id


def test_half_of_a_surrogate_pair_is_no_candidate() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        Candidate("float \udce9;")


def test_two_candidates_never_look_the_same() -> None:
    """{"A=1;B": 2} would have the id of {"A": 1, "B": 2}."""
    for name in ("A=1;B", "\ud800", "", "a b", "1a"):
        with pytest.raises(ValueError, match="no macro's name"):
            Candidate("code", {name: 2})


def test_a_run_that_faulted_names_its_fault() -> None:
    with pytest.raises(ValueError, match="ended"):
        RunReport("fault", {}, ())
    with pytest.raises(ValueError, match="ended"):
        RunReport("done", {}, (), fault=Fault("trap", "trap", "k"))


def test_the_time_of_a_run_is_missing_if_a_step_has_none() -> None:
    timed = StepReport("k", {}, time=TIME)
    assert RunReport("done", {}, (timed, timed)).time == Figure(8.0, "us", "virtual:h100", "modelled")
    assert RunReport("done", {}, (timed, StepReport("k", {}))).time is None


def test_a_buffer_is_as_long_as_its_data() -> None:
    with pytest.raises(ValueError, match="8 bytes but 4 bytes"):
        Buffer("x", 8, b"abcd")
