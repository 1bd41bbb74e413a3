"""One launch of a case on the page: its diagnosis, its charts, its memory accesses and its source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kernelevo.counting import counted
from kernelevo.diagnosis.bounds import resource, summed_us
from kernelevo.diagnosis.diagnose import diagnose
from kernelevo.diagnosis.finding import Finding
from kernelevo.diagnosis.memory_rules import size_words
from kernelevo.diagnosis.residency import residency
from kernelevo.diagnosis.roofline import roofline
from kernelevo.diagnosis.subject import Subject
from kernelevo.diagnosis.traffic import AccessRow, access_rows, traffic
from kernelevo.diagnosis.work import instruction_mix, lanes
from kernelevo.report_page.bars import Bar, bars
from kernelevo.report_page.markup import Child, Html, el
from kernelevo.report_page.memory_chart import memory_chart
from kernelevo.report_page.occupancy_chart import occupancy_chart
from kernelevo.report_page.roofline_chart import roofline_chart
from kernelevo.report_page.source_view import source_view
from kernelevo.report_profile_words import confidence_words, extent_words, occupancy_words, roofline_words, share_words

SHOWN_CLASSES = 10


def launch_view(subject: Subject, source: Sequence[Html], anchor: str, how: str) -> Html:
    """Everything about one launch; ids in it begin with `anchor`, `how` is measured or modelled."""
    return el(
        "section", el("h3", _title(subject)), _tiles(subject, how),
        [el("p", words, class_="note") for words in confidence_words(subject)],
        _diagnosis(diagnose(subject), anchor), _charts(subject, how), _source(subject, source, anchor),
        class_="launch", id=anchor,
    )  # fmt: skip


def panel(title: str, *content: Child, note: str = "", wide: bool = False) -> Html:
    """A titled box; with nothing to show, nothing."""
    if not any(content):
        return Html("")
    said = el("p", note, class_="note") if note else None
    return el("section", el("h4", title), content, said, class_="panel wide" if wide else "panel")


def _title(subject: Subject) -> Html:
    size = [f"{name} {extent_words(subject.step.details[name])}" for name in ("grid", "block")
            if name in subject.step.details]  # fmt: skip
    return el("span", el("code", subject.name), el("span", f" {', '.join(size)}", class_="soft"))


def _tiles(subject: Subject, how: str) -> Html:
    return el("dl", [el("div", el("dt", name), el("dd", value, el("small", note) if note else None))
                     for name, value, note in _key_figures(subject, how)], class_="tiles")  # fmt: skip


def _key_figures(subject: Subject, how: str) -> Iterator[tuple[str, str, str]]:
    step, held, roof, took = subject.step, residency(subject), roofline(subject), subject.resources
    if step.time is not None:
        yield "time", f"{step.time.microseconds:.4g} us", how
    if step.limiter:
        yield "bound by", resource(step.limiter), ""
    if held is not None:
        yield "resident warps", f"{held.active_warps} of {held.max_warps}", f"{held.sms_used} of {held.sms} SMs"
    if roof is not None:
        yield "of its lowest roof", share_words(roof.fraction), next(iter(roof.roofs))
    if subject.counts.get("warp_instructions"):
        yield "active lanes", f"{lanes(subject.counts):.1f} of 32", ""
    if moved := traffic(subject.counts).dram_bytes:
        yield "DRAM moves", size_words(moved), ""
    if took is not None:
        spilled = f"{counted(took.spill_bytes, 'byte')} spilled" if took.spill_bytes else "no spills"
        yield "registers", f"{took.registers}", spilled
        if took.shared_bytes:
            yield "shared memory", f"{took.shared_bytes:,}", "bytes of a block"


def _diagnosis(findings: Sequence[Finding], anchor: str) -> Html:
    items = [el("li", _finding(finding, anchor), class_="decides" if finding.rule == "bound" else None)
             for finding in findings]  # fmt: skip
    found = el("ol", items, class_="findings") if items else None
    return panel("What bounds it, and what usually helps", found, wide=True)


def _finding(finding: Finding, anchor: str) -> Iterator[Html]:
    yield el("p", upper(finding.statement), class_="statement")
    if finding.advice:
        yield el("p", el("b", "What usually helps: "), f"{finding.advice}.", class_="advice")
    chips = [el("span", name, " ", el("b", _figure(value)), class_="chip") for name, value in finding.evidence.items()]
    links = [el("a", f"line {line}", href=f"#{anchor}-{line}", class_="chip") for line in finding.lines]
    yield el("p", chips, links, class_="chips")


def _figure(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:,.4g}"


def _charts(subject: Subject, how: str) -> Html:
    roof = roofline(subject)
    occupancy = occupancy_words(subject)
    return el(
        "div",
        panel("Each resource alone", _bounds(subject), note=f"Time it would need, in us, {how}. The longest decides."),
        panel("Roofline", roofline_chart(roof) if roof else None, note=_attained(subject)),
        panel("Memory", memory_chart(subject.counts) if subject.counts.get("warp_instructions") else None,
              note="Bytes are exact; hits come from a model of the caches. Arrows up are reads."),
        panel("Occupancy", occupancy_chart(subject), note=" ".join(f"{upper(words)}." for words in occupancy[1:])),
        panel("Warp instructions by class", _mix(subject)),
        panel("Memory accesses", _accesses(subject), note="Of warps; each: sectors or wavefronts per request."),
        class_="charts",
    )  # fmt: skip


def _attained(subject: Subject) -> str:
    return f"{upper(roofline_words(subject).partition(';')[0])}."


def upper(words: str) -> str:
    """The words as a sentence begins."""
    return words[:1].upper() + words[1:]


def _bounds(subject: Subject) -> Html | None:
    rows = [(name, us) for name, us in summed_us([subject.step]).items() if us > 0]
    longest = max((us for _, us in rows), default=0.0)
    shown = [
        Bar(resource(name), us / longest, f"{us:.4g}", "decides" if name == subject.step.limiter else "")
        for name, us in rows
    ]
    return bars(shown) if shown else None


def _mix(subject: Subject) -> Html | None:
    mix, total = instruction_mix(subject.counts), subject.counts.get("warp_instructions", 0)
    if not mix:
        return None
    first, rest = list(mix.items())[:SHOWN_CLASSES], list(mix.items())[SHOWN_CLASSES:]
    if rest:
        first.append(("others", sum(count for _, count in rest)))
    most = max(count for _, count in first)
    return bars([Bar(name.replace("_", " "), count / most, f"{count / total:.1%}") for name, count in first])


def _accesses(subject: Subject) -> Html | None:
    rows = access_rows(subject.counts)
    head = el("tr", el("th", "access"), [el("th", name, class_="num") for name in ("requests", "moved", "each")])
    body = [
        el("tr", el("td", label, el("small", unit)), [el("td", cell, class_="num") for cell in cells])
        for row in rows
        for label, unit, cells in _lines_of(row)
    ]
    table = el("table", el("thead", head), el("tbody", body), class_="figures")
    return el("div", table, class_="scroll") if rows else None


def _lines_of(row: AccessRow) -> Iterator[tuple[str, str, list[str]]]:
    """The access as counted, and, where that is less, once neighbouring accesses of a thread are made one."""
    yield row.label, row.unit, _cells(row.requests, row.moved)
    requests, moved = row.merged
    if requests is not None and moved is not None and (requests, moved) != (row.requests, row.moved):
        yield "once merged", row.unit, _cells(requests, moved)


def _cells(requests: int, moved: int) -> list[str]:
    return [f"{requests:,}", f"{moved:,}", f"{moved / requests:.2f}" if requests else "–"]


def _source(subject: Subject, source: Sequence[Html], anchor: str) -> Html:
    note = "A line opens to the PTX it became. An inlined line has the counts of all its callers."
    return panel("Source", source_view(subject, source, anchor), note=note, wide=True)
