"""Progress is said on standard error and never decides anything."""

from __future__ import annotations

import io

from rich.console import Console

from kernelevo.progress import LiveProgress, PlainProgress, best_clause
from kernelevo.types import Attempt, Candidate, Check, Figure, RunRecord, Status, Verdict

RUN = RunRecord("0abc", "optimize", "", "virtual:h100", "modelled", "softmax", {}, {}, {})


def attempt(text: str, time: float, parent: str | None = "p") -> Attempt:
    candidate = Candidate(text, parent=parent, moves=("move",) if parent else ())
    score = Figure(time, "us", RUN.device, "modelled")
    return Attempt(
        candidate, Verdict(candidate.id, RUN.device, Status.PASSED, "", score, checks=(Check("c", True, ""),))
    )


def test_plain_lines_tell_each_new_best_and_are_not_flooded() -> None:
    stream = io.StringIO()
    progress = PlainProgress(stream, clock=lambda: 1.0)
    progress.started(RUN, 50)
    start = attempt("start", 10, parent=None)
    for number in range(1, 30):
        progress.concluded(start if number == 1 else attempt(str(number), 20), start, number)
    progress.concluded(attempt("fast", 2), attempt("fast", 2), 30)
    progress.finished(attempt("fast", 2))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert "softmax on virtual:h100 (modelled), at most 50" in lines[0]
    assert "30/50" in lines[2] and "best 2 us (5.00 times as fast as the start), by move" in lines[2]


def test_a_ratio_says_what_it_is_of_and_none_is_claimed_inside_the_band() -> None:
    start = attempt("start", 10, parent=None)
    assert best_clause(start, start, 0.2) == "best 10 us (the start)"
    assert best_clause(start, attempt("a", 9), 0.2).startswith("best 9 us (not distinguishable from the start (1.11")
    assert best_clause(start, attempt("a", 4), 0.2) == "best 4 us (2.50 times as fast as the start), by move"


def test_a_resumed_session_claims_no_gain_over_a_start_it_has_not_seen() -> None:
    stream = io.StringIO()
    progress = PlainProgress(stream)
    progress.concluded(attempt("x", 20), attempt("y", 5), 30)
    assert "best 5 us" in stream.getvalue() and "times as fast" not in stream.getvalue()


def test_plain_lines_show_life_when_nothing_gets_better() -> None:
    stream, times = io.StringIO(), iter(range(0, 1000, 4))
    progress = PlainProgress(stream, clock=lambda: float(next(times)))
    for number in range(20):
        progress.concluded(attempt(str(number), 20), None, number)
    assert stream.getvalue().count("nothing has passed yet") > 5


def test_a_live_line_leaves_the_terminal_in_order() -> None:
    stream = io.StringIO()
    with LiveProgress(Console(file=stream, force_terminal=True, width=100)) as progress:
        progress.started(RUN, 50)
        progress.concluded(attempt("start", 10, None), attempt("[odd] markup", 5), 3)
    assert "3 of 50 evaluated" in stream.getvalue()
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1


def test_before_anything_passed_there_is_no_best() -> None:
    assert best_clause(None, None) == "nothing has passed yet"
