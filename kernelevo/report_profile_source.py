"""The annotated source of a launch, for a terminal: its hot lines in source order with their surroundings, each with
exact counts, and on request the PTX instructions that a line became.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from kernelevo.diagnosis.lines import LineTotals, decisive, heat, heat_measure, hottest, totals
from kernelevo.diagnosis.subject import Subject
from kernelevo.report_profile_words import spill_words
from kernelevo.wire.words import visible_line

HOT_LINES = 12
"""Source lines shown with counts; the rest seldom decides anything."""
LEAST_HEAT = 0.01
BUSY = 0.1
OFTEN = 0.01
CONTEXT = 2
NARROW, ROOMY = 90, 120
"""Widths of a terminal from which on more columns are shown."""
_LEAST_SOURCE = 24


@dataclass(frozen=True)
class _Column:
    """`least_width` is that of the terminal from which on it is shown; `value` is empty where it says nothing."""

    heading: str
    least_width: int
    value: Callable[[LineTotals], str]


def source_table(subject: Subject, source: Sequence[str], width: int, ptx: bool = False) -> Table | None:
    """The table for a terminal of `width` columns; None where nothing was counted by line."""
    lines = subject.by_line
    limiter = decisive(subject.step)
    counted = [*lines, *([subject.spilled] if subject.spilled else [])]
    measure, whole = heat_measure(limiter), sum(heat(line, limiter)[0] for line in counted)
    if not lines:
        return None
    columns = _shown(counted, width, measure, limiter, whole)
    rows = list(_rows(subject, source, _hot(lines, limiter, whole), columns, ptx, limiter, whole))
    table = Table(title=f"source, hot by {measure}", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    taken = 0
    for place, heading in enumerate(("line", *(column.heading for column in columns))):
        wide = max(len(heading), *(len(cells[place]) for cells, _ in rows))
        taken += wide + 3
        table.add_column(heading, justify="right", no_wrap=True, min_width=wide)
    table.add_column("source", no_wrap=True, overflow="ellipsis", max_width=max(width - taken - 1, _LEAST_SOURCE))
    for cells, style in rows:
        table.add_row(*cells, style=style)
    return table


def _hot(lines: Sequence[LineTotals], limiter: str, whole: int) -> list[LineTotals]:
    """The lines that cause what decides, and those that execute much."""
    instructions = sum(line.warp_instructions for line in lines)
    hot = [line for line in hottest(lines, limiter, HOT_LINES) if heat(line, limiter)[0] >= LEAST_HEAT * whole]
    busy = [line for line in lines if line.warp_instructions >= BUSY * instructions and line not in hot]
    return [*hot, *busy] or list(lines[:1])


def _shown(lines: Sequence[LineTotals], width: int, measure: str, limiter: str, whole: int) -> list[_Column]:
    """The columns that fit and say something of at least one line."""
    instructions, slots = sum(line.warp_instructions for line in lines), sum(line.slots for line in lines)
    columns = [
        _Column(f"% {measure}", 0, lambda line: _percent(heat(line, limiter)[0], whole)),
        _Column("% instr", 0, lambda line: _percent(line.warp_instructions, instructions)),
        _Column("% issue", NARROW, lambda line: _percent(line.slots, slots)),
        _Column("instructions", ROOMY, lambda line: _count(line.warp_instructions)),
        _Column("requests", NARROW, lambda line: _count(line.requests + line.shared_requests)),
        _Column("sect/req", 0, lambda line: f"{line.sectors_per_request:.1f}" if line.requests else ""),
        _Column("wavefr/req", 0, lambda line: f"{line.wavefronts_per_request:.1f}" if line.wavefronts else ""),
        _Column("lanes", NARROW, lambda line: f"{line.lanes:.1f}" if 0 < line.lanes < 31.95 else ""),
        _Column("diverges", NARROW, lambda line: _count(line.divergent)),
    ]
    if measure == "warp instructions":
        columns = columns[1:]
    return [each for each in columns if each.least_width <= width and any(map(each.value, lines))]


def _percent(part: int, whole: int) -> str:
    share = part / whole if whole else 0.0
    return "" if not part else "<0.1%" if share < 0.001 else f"{share:.1%}"


def _count(value: int) -> str:
    return f"{value:,}" if value else ""


Row = tuple[list[str | Text], str]


def _rows(
    subject: Subject, source: Sequence[str], hot: Sequence[LineTotals], columns: Sequence[_Column], ptx: bool,
    limiter: str, whole: int,
) -> Iterator[Row]:  # fmt: skip
    """Hot lines among their neighbours in the order of the file, then what lies elsewhere, and spills last."""
    own = {line.line: line for line in hot if line.file == subject.file and 0 < line.line <= len(source)}
    counted = {line.line: line for line in subject.by_line if line.file == subject.file}
    before, shown = 0, surroundings(own, len(source))
    texts = textwrap.dedent("\n".join(source[number - 1].expandtabs(4) for number in shown)).split("\n")
    for number, text in zip(shown, texts, strict=True):
        if before and number > before + 1:
            yield [Text("...", "dim"), *[""] * (len(columns) + 1)], ""
        before = number
        line = counted.get(number)
        cells = [column.value(line) if line else "" for column in columns]
        yield [str(number), *cells, Text(visible_line(text))], _style(line, limiter, whole)
        if ptx and number in own:
            yield from _instructions(own[number], columns)
    for line in [line for line in hot if line.line not in own or line.file != subject.file]:
        where = f"{line.file}:{line.line}" if line.line else "(the compiler gave no source line)"
        yield ["-", *[column.value(line) for column in columns], Text(where, "italic")], ""
        if ptx:
            yield from _instructions(line, columns)
    if spilled := subject.spilled:
        cells = [column.value(spilled) for column in columns]
        yield ["-", *cells, Text(f"(spills: {spill_words(subject)})", "italic")], _style(spilled, limiter, whole)


def surroundings(lines: Sequence[int] | dict[int, LineTotals], last: int) -> list[int]:
    """The numbers of these lines and of CONTEXT lines around each; a gap of one line is filled."""
    near = {n for line in lines for n in range(max(1, line - CONTEXT), min(last, line + CONTEXT) + 1)}
    return sorted(near | {n + 1 for n in near if n + 2 in near})


def _style(line: LineTotals | None, limiter: str, whole: int) -> str:
    share = heat(line, limiter)[0] / whole if line and whole else 0.0
    return "bold red" if share >= 0.25 else "yellow" if share >= 0.05 else "" if line else "dim"


def _instructions(line: LineTotals, columns: Sequence[_Column]) -> Iterator[Row]:
    """The PTX of a line, without what is executed rarely beside the rest."""
    most = max(each.warp_instructions for each in line.ptx)
    often = [each for each in line.ptx if each.warp_instructions >= OFTEN * most]
    for each in often:
        alone = totals(line.file, line.line, [each])
        text = Text(f"    {each.instruction}")
        yield [Text("ptx", "dim"), *[column.value(alone) for column in columns], text], "cyan"
    if left := len(line.ptx) - len(often):
        words = f"    and {left} more, each executed less than {OFTEN:.0%} as often"
        yield ["", *[""] * len(columns), Text(words, "dim")], ""
