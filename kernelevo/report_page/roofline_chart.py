"""The roofline of a launch as a drawing: roofs of the card, and the launch under each level of memory."""

from __future__ import annotations

from collections.abc import Iterator

from kernelevo.diagnosis.roofline import Point, Roofline
from kernelevo.report_page.axes import LogScale, chart, line, text, whole_decades
from kernelevo.report_page.markup import Html, el
from kernelevo.report_profile_words import amount_words, rate_words, share_words

WIDTH, HEIGHT = 400, 280
LEFT, RIGHT, TOP, BOTTOM = 62, 382, 26, 236
LEVELS = {"L1": "level-l1", "L2": "level-l2", "DRAM": "level-dram", "shared memory": "level-shared"}


def roofline_chart(roof: Roofline) -> Html:
    """The drawing and its legend."""
    return el("div", _drawing(roof), _legend(roof))


def _drawing(roof: Roofline) -> Html:
    peak = max(roof.peaks.values())
    ridges = [peak / point.bytes_per_us for point in roof.points]
    intensities = [point.intensity for point in roof.points]
    across = LogScale(*whole_decades([*ridges, *intensities]), LEFT, RIGHT)
    lowest = min(roof.attained, *(across.low * point.bytes_per_us for point in roof.points), peak)
    up = LogScale(*whole_decades([max(lowest, roof.attained / 1e3), peak * 1.5]), BOTTOM, TOP)
    return chart(
        WIDTH, HEIGHT, f"roofline: {rate_words(roof, roof.attained)}, {share_words(roof.fraction)} of the lowest roof",
        _grid(roof, across, up), _roofs(roof, across, up), [_mark(roof, point, across, up) for point in roof.points],
    )  # fmt: skip


def _grid(roof: Roofline, across: LogScale, up: LogScale) -> Iterator[Html]:
    for value in across.decades(8):
        yield line(across(value), TOP, across(value), BOTTOM, "grid")
        yield text(across(value), BOTTOM + 16, f"{value:g}", "middle", "tick")
    for value in up.decades(7):
        yield line(LEFT, up(value), RIGHT, up(value), "grid")
        yield text(LEFT - 5, up(value) + 4, amount_words(value * 1e6).replace(" ", ""), "end", "tick")
    yield text((LEFT + RIGHT) / 2, HEIGHT - 8, f"{roof.unit} per byte moved", "middle", "axis")
    yield text(LEFT - 5, TOP - 13, f"{'FLOP' if roof.unit == 'FLOP' else 'instr.'}/s", "end", "axis")


def _roofs(roof: Roofline, across: LogScale, up: LogScale) -> Iterator[Html]:
    peak = max(roof.peaks.values())
    for name, value in roof.peaks.items():
        yield line(across(max(_start(value, roof), across.low)), up(value), RIGHT, up(value), "roof peak")
        yield text(RIGHT - 2, up(value) - 4, f"{name} {rate_words(roof, value)}", "end", "roof-name")
    for point in roof.points:
        # Inside the drawing: from where the slope enters it to where it meets the peak.
        left = max(across.low, up.low / point.bytes_per_us)
        right = min(peak / point.bytes_per_us, across.high)
        if left < right:
            ends = (across(left), up(left * point.bytes_per_us), across(right), up(right * point.bytes_per_us))
            yield line(*ends, f"roof {LEVELS[point.level]}")


def _start(peak: float, roof: Roofline) -> float:
    """Where the leftmost slope reaches a peak."""
    return min(peak / point.bytes_per_us for point in roof.points) if roof.points else 0.0


def _mark(roof: Roofline, point: Point, across: LogScale, up: LogScale) -> Html:
    x, y = round(across(point.intensity), 1), round(up(roof.attained), 1)
    said = f"{point.level}: {point.intensity:.3g} {roof.unit} per byte"
    reach = line(x, y, x, up(min(point.roof, max(roof.peaks.values()))), f"reach {LEVELS[point.level]}")
    return el("g", reach, el("circle", el("title", said), cx=x, cy=y, r=5, class_=f"mark {LEVELS[point.level]}"))


def _legend(roof: Roofline) -> Html:
    rows = [
        el("tr", el("td", el("span", class_=f"swatch {LEVELS[point.level]}"), point.level),
           el("td", amount_words(point.bytes_per_us * 1e6, "B/s"), class_="num"),
           el("td", f"{point.intensity:.3g}", class_="num"),
           el("td", share_words(roof.attained / point.roof), class_="num"))
        for point in sorted(roof.points, key=lambda point: point.roof)
    ]  # fmt: skip
    names = ("bandwidth", f"{'FLOP' if roof.unit == 'FLOP' else 'instr.'} / B", "of roof")
    head = el("tr", el("th", "level"), [el("th", name, class_="num") for name in names])
    return el("table", el("thead", head), el("tbody", rows), class_="legend")
