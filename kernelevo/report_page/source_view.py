"""The whole source of a kernel with exact counts beside every line, and the PTX that a line became under it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from kernelevo.diagnosis.lines import LineTotals, decisive, heat, heat_measure, totals
from kernelevo.diagnosis.subject import Subject
from kernelevo.report_page.markup import Html, el
from kernelevo.report_profile_words import spill_words

FOLDED = 12
"""So many lines in a row of which nothing is counted are folded away."""
WARM, HOT = 0.05, 0.25


@dataclass(frozen=True)
class _Column:
    """`wide` ones are left out on a narrow screen."""

    heading: str
    explained: str
    value: Callable[[LineTotals], str]
    wide: bool = False


@dataclass(frozen=True)
class _View:
    """What all rows of one launch share. `anchor` begins the ids of its lines."""

    anchor: str
    limiter: str
    whole: int
    columns: Sequence[_Column]

    def share(self, line: LineTotals) -> float:
        return heat(line, self.limiter)[0] / self.whole if self.whole else 0.0


def source_view(subject: Subject, source: Sequence[Html], anchor: str) -> Html | None:
    """The table; `source` holds the marked-up lines. None where nothing was counted by line."""
    lines = subject.by_line
    if not lines:
        return None
    limiter, spilled = decisive(subject.step), subject.spilled
    counted = [*lines, *([spilled] if spilled else [])]
    whole = sum(heat(line, limiter)[0] for line in counted)
    columns = _columns(counted)
    # Where instructions decide, the heat says it already.
    view = _View(anchor, limiter, whole, columns[heat_measure(limiter) == "warp instructions" :])
    own = {line.line: line for line in lines if line.file == subject.file and 0 < line.line <= len(source)}
    others = [line for line in lines if line not in own.values()]
    body = [*_own_rows(view, source, own), *(_row(view, line, el("i", _elsewhere(line))) for line in others)]
    body += [_row(view, spilled, el("i", f"(spills: {spill_words(subject)})"))] if spilled else []
    return el(
        "div", el("table", _head(view, heat_measure(limiter)), el("tbody", body), class_="source"), class_="scroll"
    )  # fmt: skip


def _columns(lines: Sequence[LineTotals]) -> list[_Column]:
    """Those that say something of at least one line."""
    instructions, slots = sum(line.warp_instructions for line in lines), sum(line.slots for line in lines)
    columns = (
        _Column("% instr", "share of the launch's warp instructions",
                lambda line: percent(line.warp_instructions, instructions), True),
        _Column("% issue", "share of the launch's issue slots: machine instructions that the PTX is taken to become",
                lambda line: percent(line.slots, slots), True),
        _Column("instr", "warp instructions", lambda line: count(line.warp_instructions), True),
        _Column("requests", "memory instructions of warps, global, local and shared",
                lambda line: count(line.requests + line.shared_requests), True),
        _Column("sect/req", "sectors of 32 bytes per request to global or local memory",
                lambda line: f"{line.sectors_per_request:.1f}" if line.requests else ""),
        _Column("wavefr/req", "wavefronts per request to shared memory",
                lambda line: f"{line.wavefronts_per_request:.1f}" if line.wavefronts else ""),
        _Column("lanes", "active lanes of 32, where not all are",
                lambda line: f"{line.lanes:.1f}" if 0 < line.lanes < 31.95 else "", True),
        _Column("diverges", "branches at which a warp parted", lambda line: count(line.divergent), True),
    )  # fmt: skip
    return [column for column in columns if any(map(column.value, lines))]


def percent(part: int, whole: int) -> str:
    share = part / whole if whole else 0.0
    return "" if not part else "<0.1%" if share < 0.001 else f"{share:.1%}"


def count(value: int) -> str:
    return f"{value:,}" if value else ""


def _head(view: _View, measure: str) -> Html:
    cells = [
        el("th", column.heading, title=column.explained, class_="num wide" if column.wide else "num")
        for column in view.columns
    ]
    hot = el("th", "heat", title=f"share of the launch's {measure}", class_="heat")
    return el("thead", el("tr", el("th", "line", class_="num"), hot, cells, el("th", "source", class_="code")))


def _own_rows(view: _View, source: Sequence[Html], own: dict[int, LineTotals]) -> Iterator[Html]:
    for counted, numbers in groupby(range(1, len(source) + 1), key=lambda number: number in own):
        block = list(numbers)
        if not counted and len(block) >= FOLDED:
            yield _folded(view, source, block)
        else:
            yield from (_row(view, own.get(number), source[number - 1], number) for number in block)


def _folded(view: _View, source: Sequence[Html], numbers: Sequence[int]) -> Html:
    said = f"lines {numbers[0]} to {numbers[-1]}: nothing is executed here"
    code = el("pre", [[source[number - 1], "\n"] for number in numbers])
    cell = el("td", el("details", el("summary", said), code), colspan=len(view.columns) + 3, class_="fold")
    return el("tr", cell, class_="bare")


def _row(view: _View, line: LineTotals | None, code: Html, number: int = 0) -> Html:
    """One line; without a number it is of another file, or of none."""
    share = view.share(line) if line else 0.0
    tone = "hot" if share >= HOT else "warm" if share >= WARM else "counted" if line else "bare"
    cells = [
        el("td", column.value(line) if line else None, class_="num wide" if column.wide else "num")
        for column in view.columns
    ]
    return el(
        "tr", el("td", number or "–", class_="num number"), _heat_cell(share), cells,
        el("td", _with_ptx(view, line, code) if line and line.ptx else el("code", code), class_="code"),
        id=f"{view.anchor}-{number}" if number else None, class_=tone,
    )  # fmt: skip


def _elsewhere(line: LineTotals) -> str:
    return f"{line.file}:{line.line}" if line.line else "(the compiler gave no source line)"


def _heat_cell(share: float) -> Html:
    shown = "" if not share else "<0.1%" if share < 0.001 else f"{share:.1%}"
    return el("td", el("span", shown), class_="heat", style=f"--heat:{share:.4f}" if share else None)


def _with_ptx(view: _View, line: LineTotals, code: Html) -> Html:
    """The line of source, which opens to its instructions."""
    rows = [
        el("tr", el("td", each.ptx_line or "", class_="num number"), _heat_cell(view.share(alone)),
           el("td", count(each.warp_instructions), class_="num"), el("td", _moved(alone), class_="num"),
           el("td", el("code", each.instruction), class_="code"))
        for each in line.ptx
        for alone in (totals(line.file, line.line, [each]),)
    ]  # fmt: skip
    names = {"PTX": "num", "heat": "heat", "executed": "num", "each moves": "num", "instruction": "code"}
    head = el("tr", [el("th", name, class_=tone) for name, tone in names.items()])
    table = el("table", el("thead", head), el("tbody", rows), class_="ptx")
    return el("details", el("summary", el("code", code)), table)


def _moved(line: LineTotals) -> str:
    if line.sectors:
        return f"{line.sectors_per_request:.1f} sectors"
    return f"{line.wavefronts_per_request:.1f} wavefr." if line.wavefronts else ""
