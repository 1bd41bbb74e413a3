"""What verdicts of a study tell beside rewards, for a person: lines, and tables with a row for each figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kernelevo.report_page.markup import Html, el

KINDS = {
    "first": "what the policy writes first, nothing chosen, judged anew",
    "found": "what the search found best at equal cost, judged anew",
    "audited": "the same, by the audit",
}
Means = Mapping[str, Mapping[str, float]]
"""By column."""


def figure_lines(told: Mapping[str, Any] | None) -> Iterator[str]:
    """Nothing of a domain whose verdicts tell nothing."""
    if told is None:
        return
    for kind, words in KINDS.items():
        yield f"{words}:"
        for row in told["arms"]:
            if row[kind]:
                yield f"  {row['arm']:<10} {', '.join(f'{name} {figure(mean)}' for name, mean in row[kind].items())}"
    for name, mean in told["reference"].items():
        yield f"for reference, on the same data: {name} {figure(mean)}"
    yield from (f"  {difference(each)}" for each in told["differences"] if each["kind"] != "audited")


def figure(mean: Mapping[str, float], digits: int = 4) -> str:
    return "{} ({} to {})".format(*(f"{mean[name]:.{digits}f}" for name in ("mean", "low", "high")))


def difference(each: Mapping[str, Any]) -> str:
    """`both less base, accuracy (found): +0.021 (+0.010 to +0.034)`."""
    return f"{each['arm']} less {each['against']}, {each['figure']} ({each['kind']}): {signed(each)}"


def signed(each: Mapping[str, float], digits: int = 4) -> str:
    return "{} ({} to {})".format(*(f"{each[name]:+.{digits}f}" for name in ("mean", "low", "high")))


def figure_tables(told: Mapping[str, Any]) -> Iterator[Html]:
    """Of each kind a table, arms as columns and the reference beside them; then the differences of both levers, and of
    every arm from the reference.
    """
    arms = [row["arm"] for row in told["arms"]]
    for kind, words in KINDS.items():
        rows: dict[str, dict[str, str]] = {}
        for row in told["arms"]:
            for name, mean in row[kind].items():
                rows.setdefault(name, {})[row["arm"]] = figure(mean, 3)
        beside = _references(told["reference"], rows) if kind == "found" else []
        yield el("h4", words.capitalize())
        yield _table("figure", [*arms, *beside], rows)
    for kind in ("first", "found"):
        own = [
            each for each in told["differences"]
            if (each["kind"], each["arm"]) == (kind, "both") and each["against"] in arms
        ]  # fmt: skip
        if own:
            yield el("h4", f"Both levers less the others: {KINDS[kind]}")
            yield _table("figure", list(dict.fromkeys(each["against"] for each in own)), _by_figure(own, "against"))
    others = [each for each in told["differences"] if each["against"] in told["reference"]]
    if others:
        yield el("h4", "Every arm less the reference")
        yield _table("figure", arms, _by_figure(others, "arm"))


def _references(known: Means, rows: dict[str, dict[str, str]]) -> list[str]:
    """Adds a column to `rows` for each method, whose figures are called `METHOD, FIGURE`; gives their names."""
    methods: list[str] = []
    for name, mean in known.items():
        method, _, of = name.rpartition(", ")
        if of in rows:
            rows[of][method] = figure(mean, 3)
            methods.append(method)
    return list(dict.fromkeys(methods))


def _by_figure(differences: Sequence[Mapping[str, Any]], column: str) -> dict[str, dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    for each in differences:
        rows.setdefault(each["figure"], {})[each[column]] = signed(each, 3)
    return rows


def _table(corner: str, columns: Sequence[str], rows: Mapping[str, Mapping[str, str]]) -> Html:
    head = el("tr", [el("th", name) for name in (corner, *columns)])
    body = [
        el("tr", el("td", name), [el("td", row.get(column, "")) for column in columns])
        for name, row in rows.items()
    ]  # fmt: skip
    return el("div", el("table", el("thead", head), el("tbody", body)), class_="scroll")
