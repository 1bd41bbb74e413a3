"""The page of a comparison: what moved and why, then both profiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kernelevo.diagnosis.bounds import resource
from kernelevo.diagnosis.difference import LineChange
from kernelevo.diagnosis.finding import Finding
from kernelevo.diagnosis.subject import Profile
from kernelevo.report_comparison import CaseComparison
from kernelevo.report_comparison_table import number, ratio
from kernelevo.report_page.bars import Bar, bars
from kernelevo.report_page.launch_view import panel, upper
from kernelevo.report_page.markup import Html, el
from kernelevo.report_page.page import cases, made, page
from kernelevo.report_reasons import profile_labels

_COUNTED = "Of the case; L1 misses, L2, DRAM and cycles are of the model, the rest is exact."
_NAMES = {"warp_instructions": "instructions", "sectors": "sectors", "wavefronts": "wavefronts"}


def comparison_page(before: Profile, after: Profile, compared: Sequence[CaseComparison]) -> str:
    """The whole page as text."""
    profiles = [
        el("section", el("h2", f"{letter}: {profile.file}", class_="profile-name"),
           cases(profile, letter.lower(), False), made(profile))
        for letter, profile in (("A", before), ("B", after))
    ]  # fmt: skip
    body = [_case(case, place == 0) for place, case in enumerate(compared)]
    return page(f"{before.file} and {after.file}", _heading(before, after), body, profiles)


def _heading(before: Profile, after: Profile) -> Html:
    score = before.verdict.score
    return el(
        "header", el("p", "kernelevo profile --compare", class_="kicker"),
        el("h1", f"A: {before.file}", el("br"), f"B: {after.file}"),
        el("p", el("span", before.verdict.device, class_="badge"),
           el("span", score.how, class_=f"badge {score.how}") if score else None,
           el("span", f"band {before.band:.0%}", class_="badge")),
        [el("p", label, class_="mind") for label in profile_labels(before.verdict, after.verdict)],
    )  # fmt: skip


def _case(case: CaseComparison, is_open: bool) -> Html:
    times = f"{case.before.time.value:.4g} → {case.after.time.value:.4g} {case.before.time.unit} ({case.how})"
    tone = "soft" if not case.distinguishable else "faster" if case.ratio > 1 else "slower"
    return el(
        "details", el("summary", el("h2", case.name), el("span", times, class_="soft"),
                      el("b", case.verdict, class_=tone)),
        panel("What explains it", _words(case), wide=True),
        el("div", panel("Each resource alone", _bounds(case), note=f"In us, {case.how}; grey is A, colour is B."),
           panel("Counters", _counters(case), note=_COUNTED), class_="charts pair"),
        panel("Source lines that moved most", _lines(case.shown_changes), wide=True,
              note="Lines are matched by their text; a line that stands elsewhere has moved."),
        class_="case", open=is_open,
    )  # fmt: skip


def _words(case: CaseComparison) -> Html:
    sentences = [el("li", el("p", upper(sentence), class_="statement")) for sentence in case.sentences]
    return el("ol", sentences, _findings("No longer", case.gone), _findings("New in B", case.came), class_="findings")


def _findings(label: str, findings: Sequence[Finding]) -> list[Html]:
    return [el("li", el("p", el("b", f"{label}: "), finding.statement)) for finding in findings]


def _bounds(case: CaseComparison) -> Html:
    longest = max((max(old, new) for _, old, new in case.bounds), default=1.0)
    rows = []
    for name, old, new in case.bounds:
        rows += [Bar(resource(name), old / longest, f"{old:.4g}", "before"), Bar("", new / longest, f"{new:.4g}")]
    return bars(rows)


def _counters(case: CaseComparison) -> Html:
    head = el("tr", el("th", "counter"), [el("th", name, class_="num") for name in ("A", "B", "B / A")])
    rows = [
        el("tr", el("td", name), [el("td", cell, class_="num") for cell in (number(old), number(new), ratio(old, new))])
        for name, old, new in case.counters
    ]
    return el("div", el("table", el("thead", head), el("tbody", rows), class_="figures"), class_="scroll")


def _lines(changes: Sequence[LineChange]) -> Html | None:
    if not changes:
        return None
    shown = [name for name in _NAMES if any(map(any, (change.counts(name) for change in changes)))]
    columns = [el("th", f"{_NAMES[name]} A → B", class_="num") for name in shown]
    head = el("tr", el("th", "A", class_="num"), el("th", "B", class_="num"), el("th", "line"), columns,
              el("th", "source", class_="code"))  # fmt: skip
    table = el("table", el("thead", head), el("tbody", [_line(change, shown) for change in changes]), class_="source")
    return el("div", table, class_="scroll")


def _line(change: LineChange, shown: Sequence[str]) -> Html:
    pair = change.pair
    return el(
        "tr", el("td", pair.before or "", class_="num number"), el("td", pair.after or "", class_="num number"),
        el("td", pair.kind, class_=f"kind {pair.kind}"), list(_sides(change, shown)),
        el("td", el("code", change.text.strip()), class_="code"),
    )  # fmt: skip


def _sides(change: LineChange, shown: Sequence[str]) -> Iterator[Html]:
    for old, new in map(change.counts, shown):
        tone = "num faster" if new < old else "num slower" if new > old else "num"
        yield el("td", f"{old:,} → {new:,}" if old or new else "", class_=tone)
