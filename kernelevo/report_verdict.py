"""One verdict for a person: what `check` and `profile` print."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kernelevo.report import counters, microseconds
from kernelevo.types import CaseResult, LineCounts, Status, StepReport, Verdict

HOT_LINES = 12
"""Source lines shown by `profile`; the rest seldom decides anything."""


def print_verdict(console: Console, verdict: Verdict) -> None:
    """The status in a sentence, every check that was made, and what the compiler said (a build error's feedback has
    it already).
    """
    console.print(f"[bold]{verdict.status.value}[/bold] on {verdict.device}: {verdict.status.sentence}")
    if verdict.score is None:
        console.print(escape(verdict.feedback), soft_wrap=True)
    if verdict.checks:
        _print_checks(console, verdict)
    if verdict.status is not Status.BUILD_ERROR:
        for diagnostic in verdict.diagnostics:
            console.print(escape(str(diagnostic)), soft_wrap=True)
    for case in verdict.cases:
        console.print(f"{case.name}: {case.time}, limited by {case.limiter or 'unknown'}", soft_wrap=True)
    if verdict.score is not None:
        console.print(f"score: {verdict.score}", soft_wrap=True)


def print_profile(console: Console, verdict: Verdict, source: str) -> None:
    """Counters, limiter and hot source lines, per case and launch."""
    for case in verdict.cases:
        console.print(f"[bold]{case.name}[/bold]: {case.time}, limited by {case.limiter or 'unknown'}")
        console.print(_counter_table(case))
        for step in case.steps:
            console.print(_step_line(step))
            if step.lines:
                console.print(_line_table(step.lines, source.splitlines()))


def _print_checks(console: Console, verdict: Verdict) -> None:
    for check in verdict.checks:
        mark = "passed" if check.passed else "FAILED"
        console.print(f"  {mark}  {escape(check.name)}: {escape(check.detail)}", soft_wrap=True)


def _counter_table(case: CaseResult) -> Table:
    table = Table("counter", box=box.SIMPLE_HEAD)
    table.add_column("count", justify="right")
    shown = counters(case)
    for name, value in shown.items():
        table.add_row(name, f"{value:,}")
    if shown.get("global requests") and "global sectors" in shown:
        table.add_row("sectors per global request", f"{shown['global sectors'] / shown['global requests']:.2f}")
    return table


def _step_line(step: StepReport) -> str:
    time = "not timed" if step.time is None else f"{microseconds(step.time):.4g} us"
    occupancy = "" if step.occupancy is None else f", occupancy {step.occupancy:.0%}"
    return f"launch of {escape(step.kernel)}: {time}, limited by {step.limiter or 'unknown'}{occupancy}"


def hot_lines(lines: Sequence[LineCounts]) -> list[tuple[int, int, int, int]]:
    """(line, warp instructions, sectors, shared wavefronts) of the source lines, most instructions first."""
    totals: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for line in lines:
        for place, value in enumerate((line.warp_instructions, line.sectors, line.wavefronts)):
            totals[line.source.line][place] += value
    rows = [(line, values[0], values[1], values[2]) for line, values in totals.items()]
    return sorted(rows, key=lambda row: (-row[1], row[0]))[:HOT_LINES]


def _line_table(lines: Sequence[LineCounts], source: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("line", "warp instructions", "sectors", "wavefronts"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("source", no_wrap=True, overflow="ellipsis")
    for line, instructions, sectors, wavefronts in hot_lines(lines):
        text = source[line - 1].strip() if 0 < line <= len(source) else ""
        table.add_row(str(line or "-"), f"{instructions:,}", f"{sectors:,}", f"{wavefronts:,}", escape(text))
    return table
