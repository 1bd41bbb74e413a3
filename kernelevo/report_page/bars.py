"""Horizontal bars with their names and figures: bounds, and instructions by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernelevo.report_page.markup import Html, el


@dataclass(frozen=True)
class Bar:
    """`share` of the longest bar, from 0 to 1; `figure` is what is said beside it; `tone` is a class of the style."""

    name: str
    share: float
    figure: str
    tone: str = ""


def bars(rows: Sequence[Bar]) -> Html:
    """A list of bars, as given."""
    return el("div", [_row(each) for each in rows], class_="bars")


def _row(each: Bar) -> Html:
    wide = f"width:{100 * min(each.share, 1):.1f}%"
    fill = el("span", class_=f"fill {each.tone}".strip(), style=wide) if each.share > 0 else None
    return el(
        "div", el("span", each.name, class_="name"), el("span", fill, class_="track"),
        el("span", each.figure, class_="figure"), class_="bar",
    )  # fmt: skip
