"""What is shown while a run goes on, on standard error: a live line on a terminal, plain lines elsewhere, or nothing.

These are Listeners: they see everything and change nothing. Each is a context manager, so that the terminal is left
in order.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from kernelevo.answer import compared_words
from kernelevo.counting import counted
from kernelevo.types import Attempt, RunRecord

PLAIN_EVERY_SECONDS = 5.0
"""A plain line at least this often while evaluations finish, so that a log shows life but is not flooded."""


ROOMY_WIDTH = 100
"""A terminal narrower than this gets no bar and no rate: what was found comes first."""


class SilentProgress:
    """Says nothing."""

    def started(self, run: RunRecord, total: int) -> None:
        """Nothing is shown."""

    def concluded(self, attempt: Attempt, best: Attempt | None, evaluations: int) -> None:
        """Nothing is shown."""

    def finished(self, best: Attempt | None) -> None:
        """Nothing is shown."""

    def __enter__(self) -> SilentProgress:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to put in order."""


class PlainProgress(SilentProgress):
    """A line for each new best, and one now and then."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._began = self._last = clock()
        self._best = ""
        self._band = 0.0
        self._first: Attempt | None = None
        self._total = 0

    def started(self, run: RunRecord, total: int) -> None:
        self._total, self._band = total, float(run.settings.get("band", 0.0))
        self._say(f"run {run.id}: {run.task} on {run.device} ({run.how}), at most {counted(total, 'evaluation')}")

    def concluded(self, attempt: Attempt, best: Attempt | None, evaluations: int) -> None:
        self._first = self._first or (None if attempt.candidate.parent else attempt)
        found = best.candidate.id if best else ""
        if found == self._best and self._clock() - self._last < PLAIN_EVERY_SECONDS:
            return
        self._best = found
        seconds = self._clock() - self._began
        rate = f", {evaluations / seconds:.1f}/s" if seconds > 0 else ""
        clause = best_clause(self._first, best, self._band)
        self._say(f"{evaluations}/{self._total} evaluations, {seconds:.0f} s{rate}: {clause}")

    def finished(self, best: Attempt | None) -> None:
        self._say(f"ended: {best_clause(self._first, best, self._band)}")

    def _say(self, line: str) -> None:
        self._last = self._clock()
        print(line, file=self._stream, flush=True)


class LiveProgress(SilentProgress):
    """One line that is redrawn: best so far, evaluations of the budget, time and rate."""

    def __init__(self, console: Console) -> None:
        done = TextColumn("{task.completed:.0f} of {task.fields[most]} evaluated", table_column=_whole(20))
        figures = (done, TimeElapsedColumn(table_column=_whole(7)))
        best = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
        rate = TextColumn("{task.fields[rate]}", table_column=_whole(6))
        roomy = console.width >= ROOMY_WIDTH
        columns = (SpinnerColumn(), BarColumn(20), *figures, rate, best) if roomy else (*figures, best)
        # Standard output stays what it is: it may be a file, and the report belongs there.
        self._progress = Progress(
            *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._task = self._progress.add_task("judging the start", total=None, rate="", most="?")
        self._first: Attempt | None = None
        self._band = 0.0
        self._began = time.monotonic()

    def started(self, run: RunRecord, total: int) -> None:
        self._band = float(run.settings.get("band", 0.0))
        self._progress.start()
        self._progress.update(self._task, total=total, most=total)

    def concluded(self, attempt: Attempt, best: Attempt | None, evaluations: int) -> None:
        self._first = self._first or (None if attempt.candidate.parent else attempt)
        rate = f"{evaluations / (time.monotonic() - self._began):.1f}/s"
        self._progress.update(
            self._task, completed=evaluations, rate=rate, description=best_clause(self._first, best, self._band)
        )

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def _whole(width: int) -> Column:
    """A column that is never shortened."""
    return Column(no_wrap=True, min_width=width)


def best_clause(first: Attempt | None, best: Attempt | None, band: float = 0.0) -> str:
    """`best 12.3 us (4.10 times as fast as the start), by MOVE`; `first` is the start, unknown to a resumed session;
    inside `band` two times are not told apart.
    """
    if best is None or best.verdict.score is None:
        return "nothing has passed yet"
    score = best.verdict.score
    clause = f"best {score.value:.4g} {score.unit}"
    if first is not None and first.verdict.score is not None:
        is_start = best.candidate.id == first.candidate.id
        words = "the start" if is_start else compared_words(first.verdict.score, score, band, "the start")
        clause += f" ({words})"
    return f"{clause}, by {best.candidate.moves[-1]}" if best.candidate.moves else clause


def open_progress(quiet: bool, plain: bool) -> SilentProgress:
    """The display that fits: silent if asked, live on a terminal, plain lines elsewhere."""
    if quiet:
        return SilentProgress()
    console = Console(stderr=True)
    if plain or not console.is_terminal:
        return PlainProgress(sys.stderr)
    return LiveProgress(console)
