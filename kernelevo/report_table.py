"""The report for a person: tables and sentences on a rich console. Data and wording come from `report`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from kernelevo.answer import Answer, compared_words, distinguishable
from kernelevo.counting import counted
from kernelevo.diagnosis.bounds import resource
from kernelevo.report_anew import anew_lines
from kernelevo.report_counters import case_pairs, counters, microseconds
from kernelevo.report_measurements import measurement_lines
from kernelevo.report_reasons import answer_reasons, oracle_labels
from kernelevo.types import CaseResult
from kernelevo.wire.words import visible

PLAIN_WIDTH = 160
_LAST_COLUMN = 20
_ROOMY = 110
"""From this width on, only the last column of a table is folded."""
Justify = Literal["left", "right"]


class _Console(Console):
    """A console that leaves it to the command line what to do when nobody reads its output any more."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def open_console(plain: bool) -> Console:
    """Standard output; a fixed width where it is no terminal, so that a log does not depend on who reads it."""
    console = _Console(highlight=False)
    if plain or not console.is_terminal:
        return _Console(highlight=False, width=PLAIN_WIDTH, no_color=True, force_terminal=False)
    return console


def print_answer(console: Console, answer: Answer, best_path: Path | None, diff: str, check_command: str) -> None:
    """The end of `optimize`: the finding, why, how sure, the difference, and where it is."""
    console.print(headline(answer))
    console.print(_case_table(answer))
    _print_reasons(console, answer)
    if answer.improved and any(counters(start) for start, _ in case_pairs(answer)):
        console.print(_counter_table(answer))
    for line in (*anew_lines(answer), assurance(answer)):
        console.print(escape(line), soft_wrap=not console.is_terminal)
    for label in oracle_labels(answer.best.verdict):
        console.print(f"  {escape(label)}", soft_wrap=not console.is_terminal)
    if measured := answer.best.verdict.measurements:
        for line in measurement_lines(measured, answer.run.how, answer.run.device):
            console.print(f"  {escape(line)}", soft_wrap=True)
    for move in answer.best.candidate.moves:
        console.print(f"  changed: {escape(move)}", soft_wrap=True)
    if diff:
        console.print(_coloured(diff), soft_wrap=True)
    if best_path is not None:
        console.print(f"written to {escape(str(best_path))}; check it again: {escape(check_command)}", soft_wrap=True)


def _coloured(diff: str) -> Text:
    """The diff as it is: lines are never cut, so that it can be copied from the screen. What would move the cursor, or
    hide text, is shown as an escape: whoever wrote the kernel chose it.
    """
    text = Text()
    for line in visible(diff).splitlines(keepends=True):
        text.append(line, {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], ""))
    return text


def headline(answer: Answer) -> str:
    where = f"{answer.run.how} on {answer.run.device}"
    start, best = answer.start_time, answer.best_time
    if not answer.improved:
        return f"Nothing faster found: the start stays, at {start.value:.4g} {start.unit} ({where})."
    gain = f"[bold]{compared_words(start, best, answer.band, 'the start')}[/bold]"
    return f"{gain}: {start.value:.4g} -> {best.value:.4g} {best.unit} ({where}; band {answer.band:.0%})."


def assurance(answer: Answer) -> str:
    """What was checked, how many candidates ended how, and why the search ended."""
    passed = len(answer.best.verdict.checks)
    statuses = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in answer.statuses.items())
    all_passed = f"All {passed} checks passed" if passed != 1 else "The one check passed"
    checks = all_passed if answer.confirmed else "Not yet judged with full checks"
    return f"{checks}. {counted(answer.evaluations, 'evaluation')} ({statuses}); the search ended: {answer.ended}."


def _print_reasons(console: Console, answer: Answer) -> None:
    """Why, per case: in plain words, each figure labelled by the line above it."""
    reasons = answer_reasons(answer)
    if reasons:
        console.print(f"{'why it is faster' if answer.improved else 'where its time goes'} ({_label(answer)})")
    for case, sentences in reasons.items():
        console.print(f"  {escape(case)}", soft_wrap=True)
        for sentence in sentences:
            console.print(f"    {escape(sentence)}", soft_wrap=not console.is_terminal)


def _label(answer: Answer) -> str:
    return f"{answer.run.how} on {answer.run.device}, band {answer.band:.0%}"


def _case_table(answer: Answer) -> Table:
    table = Table(title=f"time per case ({_label(answer)})", title_justify="left", box=box.SIMPLE_HEAD)
    limited = ("limited by: start", "limited by: best") if _says_limits(answer) else ()
    for name in ("case", "start us", "best us", "times as fast", *limited):
        table.add_column(name, justify="right" if "us" in name or "fast" in name else "left", overflow="fold")
    for start, best in case_pairs(answer):
        ratio = "not distinguishable"
        if distinguishable(start.time, best.time, answer.band):
            ratio = f"{start.time.ratio(best.time):.2f}"
        times = (f"{microseconds(case.time):.4g}" for case in (start, best))
        bounds = (resource(start.limiter), resource(best.limiter)) if limited else ()
        table.add_row(start.name, *times, ratio, *bounds)
    return table


def _says_limits(answer: Answer) -> bool:
    """Whether the device says what bounds a time; one that measures says nothing of the kind."""
    return any(start.limiter or best.limiter for start, best in case_pairs(answer))


def _counter_table(answer: Answer) -> Table:
    table = Table(title="what moved (exact counts)", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("case", overflow="fold")
    table.add_column("counter", overflow="fold")
    for name in ("start", "best", "best / start"):
        table.add_column(name, justify="right")
    for start, best in case_pairs(answer):
        for label, before, after in moved(start, best):
            table.add_row(start.name, label, f"{before:,}", f"{after:,}", f"{after / before:.3f}" if before else "-")
    return table


def moved(start: CaseResult, best: CaseResult) -> list[tuple[str, int, int]]:
    """Counters that both have; those that are zero in both say nothing and are left out."""
    before, after = counters(start), counters(best)
    return [(name, before[name], after[name]) for name in before if name in after and (before[name] or after[name])]


def print_rows(console: Console, columns: Mapping[str, Justify], rows: Sequence[tuple[str, ...]]) -> None:
    """A plain table; `columns` maps each heading to its alignment, and only the last one may take several lines."""
    table = Table(box=box.SIMPLE_HEAD)
    *narrow, last = columns
    for name in narrow:
        table.add_column(name, justify=columns[name], no_wrap=console.width >= _ROOMY, overflow="fold")
    table.add_column(last, justify=columns[last], overflow="fold", min_width=_LAST_COLUMN)
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)
