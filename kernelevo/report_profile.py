"""`kernelevo profile`: where a kernel's time goes, for a kernel engineer at a terminal.

Per case the time and its floor; per launch a diagnosis in words, what every resource alone would need, how the launch
sits on an SM, where it lies under the roofs of the card, how efficient its memory access is, and its source with exact
counts. Counts are exact; times say how they were got.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kernelevo.diagnosis.bounds import resource, summed_us
from kernelevo.diagnosis.diagnose import diagnose
from kernelevo.diagnosis.finding import Finding
from kernelevo.diagnosis.subject import Profile, Subject
from kernelevo.diagnosis.traffic import access_rows
from kernelevo.report_profile_source import source_table
from kernelevo.report_profile_words import (
    confidence_words,
    headline,
    occupancy_words,
    roofline_words,
    spill_words,
    traffic_words,
    work_words,
)
from kernelevo.report_reasons import profile_labels, to_the_floor, why

SHOWN_BOUNDS = 6
_BAR = 30


def print_profile(console: Console, profile: Profile, ptx: bool = False) -> None:
    """Per case and launch: time, diagnosis, bounds, occupancy, roofline, memory access, annotated source; with `ptx`
    each hot source line is followed by its PTX instructions.
    """
    for label in profile_labels(profile.verdict):
        console.print(escape(label), soft_wrap=True)
    for case in profile.verdict.cases:
        console.print(f"[bold]{escape(case.name)}[/bold]: {case.time}", soft_wrap=True)
        subjects, floor = profile.subjects[case.name], profile.floors.get(case.name)
        # Of one launch, its own diagnosis says what decides.
        _print_lines(console, why(case, floor) if len(subjects) > 1 else to_the_floor(case, floor), 2)
        for subject in subjects:
            _print_launch(console, subject, profile.lines, ptx)


def _print_launch(console: Console, subject: Subject, source: Sequence[str], ptx: bool) -> None:
    console.print(f"[bold]{escape(headline(subject))}[/bold]", soft_wrap=not console.is_terminal)
    _print_lines(console, confidence_words(subject), 2)
    findings = diagnose(subject)
    if findings:
        console.print("  what bounds it, and what usually helps")
        for place, finding in enumerate(findings, 1):
            _print_finding(console, place, finding)
    _print_lines(console, _bounds(subject), 2)
    for name, words in _figures(subject):
        _print_lines(console, [f"{name}: {words}"], 2)
    if table := _access_table(subject):
        console.print(table)
    if annotated := source_table(subject, source, console.width, ptx):
        console.print(annotated)


def _print_lines(console: Console, lines: Sequence[str], indent: int, hanging: int = 2) -> None:
    """Each line indented; at a terminal its continuations hang, elsewhere it stays one line."""
    for line in lines:
        if console.is_terminal:
            first, rest = " " * indent, " " * (indent + hanging)
            line = textwrap.fill(line, console.width, initial_indent=first, subsequent_indent=rest)
        console.print(escape(line) if console.is_terminal else f"{' ' * indent}{escape(line)}", soft_wrap=True)


def _print_finding(console: Console, place: int, finding: Finding) -> None:
    evidence = ", ".join(f"{name} {value:,.4g}" if value != int(value) else f"{name} {int(value):,}"
                         for name, value in finding.evidence.items())  # fmt: skip
    _print_lines(console, [f"{place}. {finding.statement}"], 4, 3)
    if finding.advice:
        _print_lines(console, [f"helps: {finding.advice}"], 7)
        _print_lines(console, [f"counts: {evidence}"] if evidence else [], 7)


def _bounds(subject: Subject) -> list[str]:
    """What every resource alone would need, and launching, largest first, with bars; the largest decides."""
    bounds = [(name, us) for name, us in summed_us([subject.step]).items() if us > 0]
    if not bounds:
        return ["the device gives no bounds per resource"]
    longest, widest = bounds[0][1], max(len(resource(name)) for name, _ in bounds[:SHOWN_BOUNDS])
    rows = [
        f"  {resource(name):<{widest}}  {us:>8.4g}  {'█' * max(1, round(_BAR * us / longest))}"
        for name, us in bounds[:SHOWN_BOUNDS]
    ]
    others = ", ".join(f"{resource(name)} {us:.4g}" for name, us in bounds[SHOWN_BOUNDS:])
    return ["each resource alone would need (us)", *rows, *([f"  less: {others}"] if others else [])]


def _figures(subject: Subject) -> Iterator[tuple[str, str]]:
    """What is said in a line each: occupancy, roofline, instructions, traffic, spills."""
    for words in occupancy_words(subject):
        yield "occupancy", words
    for name, words in (
        ("roofline", roofline_words(subject)),
        ("instructions", work_words(subject)),
        ("memory", traffic_words(subject)),
        ("spills", spill_words(subject, "; they belong to no source line")),
    ):
        if words:
            yield name, words


def _access_table(subject: Subject) -> Table | None:
    rows = access_rows(subject.counts)
    if not rows:
        return None
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("memory access")
    for name in ("requests", "sectors or wavefronts", "per request"):
        table.add_column(name, justify="right")
    merges = any(row.merged != (None, None) for row in rows)
    if merges:
        table.add_column("after merging", justify="right")
    for row in rows:
        each = f"{row.per_request:.2f}" if row.requests else "-"
        cells = [row.label, f"{row.requests:,}", f"{row.moved:,} {row.unit}", each]
        table.add_row(*cells, *([_merged(row.merged)] if merges else []))
    return table


def _merged(counts: tuple[int | None, int | None]) -> str:
    return " / ".join(f"{count:,}" for count in counts if count is not None) or "-"
