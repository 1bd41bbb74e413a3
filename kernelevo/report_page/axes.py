"""Scales and axes of charts: where a value lies on a drawing, and which ticks to draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kernelevo.report_page.markup import Html, el


@dataclass(frozen=True)
class LogScale:
    """Values from `low` to `high`, both positive, on a drawing from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def decades(self, most: int) -> list[float]:
        """Powers of ten inside, thinned to at most `most`."""
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        step = max(1, math.ceil((last - first + 1) / most))
        return [10.0**power for power in range(first, last + 1, step)]


def whole_decades(values: Sequence[float]) -> tuple[float, float]:
    """The powers of ten around these positive values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return 10.0**low, 10.0 ** (high if high > low else low + 1)


def text(x: float, y: float, words: str, anchor: str = "start", class_: str | None = None) -> Html:
    return el("text", words, x=round(x, 1), y=round(y, 1), text_anchor=anchor, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str, **more: str | float) -> Html:
    places = {"x1": round(x1, 1), "y1": round(y1, 1), "x2": round(x2, 1), "y2": round(y2, 1)}
    return el("line", **places, class_=class_, **more)


def box(x: float, y: float, width: float, height: float, class_: str, **more: str | float) -> Html:
    places = {"x": round(x, 1), "y": round(y, 1), "width": round(max(width, 0), 1), "height": round(height, 1)}
    return el("rect", **places, class_=class_, **more)


def chart(width: int, height: int, title: str, *parts: object) -> Html:
    """A drawing that takes the width it is given; `title` is what a screen reader says of it."""
    return el("svg", el("title", title), parts, viewBox=f"0 0 {width} {height}", role="img", class_="chart")
