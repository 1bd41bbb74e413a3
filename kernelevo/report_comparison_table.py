"""The comparison of two kernels for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from kernelevo.diagnosis.bounds import resource
from kernelevo.diagnosis.difference import LineChange
from kernelevo.diagnosis.finding import Finding
from kernelevo.diagnosis.subject import Profile
from kernelevo.report_comparison import CaseComparison
from kernelevo.report_reasons import profile_labels
from kernelevo.wire.words import visible_line

_NARROW = 100
_LEAST_SOURCE = 20
_STYLES = {"gone": "red", "new": "green", "moved": "cyan"}


def print_comparison(console: Console, before: Profile, after: Profile, cases: Sequence[CaseComparison]) -> None:
    """Per case: which is faster, why, and tables of bounds, counters and source lines."""
    console.print(f"A is {escape(before.file)}, B is {escape(after.file)}", soft_wrap=True)
    for label in profile_labels(before.verdict, after.verdict):
        console.print(escape(label), soft_wrap=True)
    for case in cases:
        times = f"{case.before.time.value:.4g} -> {case.after.time.value:.4g} {case.before.time.unit}"
        where = f"{case.how}, {case.before.time.device}; band {case.band:.0%}"
        console.print(f"[bold]{escape(case.name)}[/bold]: {times}, {case.verdict} ({where})", soft_wrap=True)
        for sentence in case.sentences:
            console.print(f"  {escape(sentence)}", soft_wrap=not console.is_terminal)
        _print_findings(console, "no longer", case.gone)
        _print_findings(console, "new in B", case.came)
        bounds = [(resource(name), old, new) for name, old, new in case.bounds]
        console.print(_figures(f"each resource alone ({case.how}, us)", bounds))
        console.print(_figures("counters (L1 misses, L2, DRAM and cycles are of the model)", case.counters))
        console.print(_lines(case.shown_changes, console.width))


def _print_findings(console: Console, label: str, findings: Sequence[Finding]) -> None:
    for finding in findings:
        console.print(f"  {label}: {escape(finding.statement)}", soft_wrap=not console.is_terminal)


def _figures(title: str, rows: Sequence[tuple[str, float, float]]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("", overflow="fold")
    for name in ("A", "B", "B / A"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, old, new in rows:
        table.add_row(name, number(old), number(new), ratio(old, new))
    return table


def number(value: float) -> str:
    """Counts in full, fractions to four digits."""
    return f"{int(value):,}" if value == int(value) else f"{value:,.4g}"


def ratio(old: float, new: float) -> str:
    return f"{new / old:.3f}" if old else "-"


def _lines(changes: Sequence[LineChange], width: int) -> Table:
    """The lines that moved most; on a narrow terminal without wavefronts."""
    table = Table(title="source lines that moved most", title_justify="left", box=box.SIMPLE_HEAD)
    names = {"warp_instructions": "instructions", "sectors": "sectors", "wavefronts": "wavefronts"}
    shown = {name: title for name, title in names.items()
             if any(map(any, (change.counts(name) for change in changes)))
             and (width >= _NARROW or name != "wavefronts")}  # fmt: skip
    for name in ("A", "B", "line", *(f"{title} A -> B" for title in shown.values())):
        table.add_column(name, justify="left" if name == "line" else "right", no_wrap=True)
    taken = 24 + 26 * len(shown)
    table.add_column("source", no_wrap=True, overflow="ellipsis", max_width=max(width - taken, _LEAST_SOURCE))
    for change in changes:
        sides = [f"{old:,} -> {new:,}" if old or new else "" for old, new in map(change.counts, shown)]
        pair, text = change.pair, Text(visible_line(change.text.strip()))
        table.add_row(str(pair.before or ""), str(pair.after or ""), pair.kind, *sides, text,
                      style=_STYLES.get(pair.kind, ""))  # fmt: skip
    return table
