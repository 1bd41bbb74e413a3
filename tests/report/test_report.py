"""The report as data, and what is never compared."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from kernelevo.answer import Answer, compared_words, distinguishable
from kernelevo.errors import BadInput
from kernelevo.report import compared, moved_between, summary
from kernelevo.report_counters import counters, microseconds
from kernelevo.report_table import assurance, headline, print_answer
from kernelevo.types import (
    Attempt,
    Candidate,
    CaseResult,
    Check,
    Figure,
    RunRecord,
    Status,
    Verdict,
)

RUN = RunRecord("0abc", "optimize", "", "virtual:h100", "modelled", "softmax", {}, {}, {})


def attempt(text: str, time: float, counts: dict[str, int], device: str = RUN.device, how: str = "modelled") -> Attempt:
    figure = Figure(time, "us", device, how)
    case = CaseResult("n=8", {"n": 8}, figure, counts, "latency", 0.5)
    candidate = Candidate(text, moves=("vector loads [float4]",))
    checks = (Check("outputs", True, "4 trials"),)
    return Attempt(candidate, Verdict(candidate.id, device, Status.PASSED, "", figure, (case,), checks))


def answer(device: str = RUN.device, how: str = "modelled", task: str = "softmax") -> Answer:
    run = dataclasses.replace(RUN, device=device, how=how, task=task)
    start = attempt("a", 12.0, {"warp_instructions": 100, "barriers": 0}, device, how)
    best = attempt("b", 3.0, {"warp_instructions": 20, "barriers": 0}, device, how)
    return Answer(run, start, best, True, 0.2, 9, {"passed": 8, "build_error": 1}, "nothing left to try")


def test_the_summary_holds_what_the_counters_did() -> None:
    result = summary(answer(), None)
    assert (result["baseline_us"], result["best_us"], result["speedup"], result["band"]) == (12.0, 3.0, 4.0, 0.2)
    assert result["cases"][0]["counters"] == {
        "start": {"warp instructions": 100, "barriers": 0}, "best": {"warp instructions": 20, "barriers": 0},
    }  # fmt: skip
    assert result["moves"] == ["vector loads [float4]"]


def test_a_counter_that_the_device_does_not_count_is_left_out_and_not_zero() -> None:
    assert counters(attempt("a", 1, {"global_load_sectors": 4}).verdict.cases[0]) == {}


def test_a_table_for_a_person_says_the_same() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    print_answer(console, answer(), None, "-a\n+b\n", "")
    text = console.export_text()
    assert "4.00 times as fast" in text and "0.200" in text and "vector loads [float4]" in text and "+b" in text
    assert "barriers" not in text
    assert assurance(answer()) == (
        "The one check passed. 9 evaluations (8 passed, 1 build error); the search ended: nothing left to try."
    )


def test_an_answer_that_is_not_confirmed_says_so() -> None:
    assert "Not yet judged with full checks" in assurance(dataclasses.replace(answer(), confirmed=False))
    assert summary(dataclasses.replace(answer(), confirmed=False), None)["passed"] is False


def test_nothing_faster_is_said() -> None:
    same = dataclasses.replace(answer(), best=answer().start)
    assert headline(same).startswith("Nothing faster found") and not same.improved


def us(value: float) -> Figure:
    return Figure(value, "us", "virtual:h100", "modelled")


def test_two_times_within_the_band_are_not_distinguishable_either_way() -> None:
    assert not distinguishable(us(12.5), us(10), 0.25) and not distinguishable(us(10), us(12.5), 0.25)
    assert distinguishable(us(12.6), us(10), 0.25) and distinguishable(us(10), us(12.6), 0.25)
    assert distinguishable(us(10.1), us(10), 0.0) and not distinguishable(us(10), us(10), 0.0)
    with pytest.raises(ValueError, match="cannot be compared"):
        distinguishable(us(1), Figure(1, "us", "virtual:h100", "measured"), 0.25)


def test_a_comparison_is_a_ratio_or_says_that_there_is_none() -> None:
    assert compared_words(us(30), us(10), 0.25, "the start") == "3.00 times as fast as the start"
    assert compared_words(us(10), us(30), 0.25) == "0.33 times as fast"
    alike = "not distinguishable from the start (1.10 times, and the band is 25%)"
    assert compared_words(us(11), us(10), 0.25, "the start") == alike


def test_the_report_says_not_distinguishable_wherever_two_times_stand_side_by_side() -> None:
    close = dataclasses.replace(answer(), best=attempt("b", 11.0, {"warp_instructions": 90, "barriers": 0}))
    told = summary(close, None)
    assert (told["distinguishable"], told["cases"][0]["distinguishable"]) == (False, False)
    assert (summary(answer(), None)["distinguishable"], told["speedup"]) == (True, pytest.approx(12 / 11))
    console = Console(width=160, record=True, file=io.StringIO())
    print_answer(console, close, None, "", "")
    text = console.export_text()
    assert "not distinguishable from the start (1.09 times" in text and "times as fast as" not in text
    assert text.count("not distinguishable") == 2


@pytest.mark.parametrize("other", [answer(device="virtual:a100"), answer(how="measured"), answer(task="layernorm")])
def test_what_cannot_be_compared_is_refused(other: Answer) -> None:
    assert compared(answer(), answer()) == 1.0
    with pytest.raises(BadInput, match="never compared"):
        compared(answer(), other)


def test_an_answer_holds_only_what_has_passed() -> None:
    failed = Attempt(Candidate("x"), Verdict(Candidate("x").id, RUN.device, Status.WRONG, ""))
    with pytest.raises(ValueError, match="passed"):
        dataclasses.replace(answer(), best=failed)


def test_only_counters_that_moved_are_listed() -> None:
    assert moved_between(answer().start, answer().best) == {"n=8": {"warp instructions": (100, 20)}}
    assert moved_between(answer().start, answer().start) == {}


@pytest.mark.parametrize(("unit", "factor"), [("ns", 1e-3), ("us", 1.0), ("ms", 1e3), ("s", 1e6)])
def test_times_are_shown_in_microseconds(unit: str, factor: float) -> None:
    assert microseconds(Figure(2, unit, "d", "measured")) == pytest.approx(2 * factor)
    with pytest.raises(ValueError, match="not a time"):
        microseconds(Figure(2, "bytes", "d", "measured"))
