"""How a launch fills an SM, as drawings: its places for warps, what limits the blocks, and how the share would change
with registers, block size and shared memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from kernelevo.counting import counted
from kernelevo.diagnosis.residency import Residency, residency
from kernelevo.diagnosis.subject import Card, Resources, Subject
from kernelevo.report_page.axes import box, chart, line, text
from kernelevo.report_page.markup import Html, el

WIDTH = 400
_PLOT_HEIGHT = 112
_PER_ROW = 32
REGISTERS = range(16, 256, 2)
BLOCKS = range(32, 1025, 32)


def occupancy_chart(subject: Subject) -> Html | None:
    """None where the card or the launch is not known."""
    held, card, took = residency(subject), subject.card, subject.resources
    if held is None or card is None or took is None:
        return None
    return el("div", _slots(held), _limits(held), _curves(subject, card, took))


def _slots(held: Residency) -> Html:
    """One square for each place of a warp: taken in this launch, free though allowed, or not to be had."""
    rows = -(-held.max_warps // _PER_ROW)
    allowed = held.blocks * held.warps_per_block
    size = (WIDTH - 8) / _PER_ROW
    height = round(rows * size) + 22

    def square(place: int) -> Html:
        state = "taken" if place < held.active_warps else "free" if place < allowed else "barred"
        x, y = 4 + place % _PER_ROW * size, 2 + place // _PER_ROW * size
        return box(x + 1, y + 1, size - 2, size - 2, f"slot {state}", rx=2)

    said = f"{held.active_warps} of {counted(held.max_warps, 'warp')} on the busiest SM; {allowed} could be resident"
    return chart(WIDTH, height, said, map(square, range(held.max_warps)), text(4, height - 5, said, class_="tick"))


def _limits(held: Residency) -> Html:
    """Blocks of an SM that each resource would allow."""
    most = max(held.limits.values())
    rows = [_limit(place, name, count, most, held) for place, (name, count) in enumerate(held.limits.items())]
    return chart(WIDTH, 20 * len(rows) + 20, "blocks of an SM that each resource allows",
                 text(4, 12, "blocks of an SM that each resource allows", class_="tick"), rows)  # fmt: skip


def _limit(place: int, name: str, count: int, most: int, held: Residency) -> Html:
    y, wide = 20 + place * 20, 236 * count / most
    tone = "limit decides" if count == held.blocks else "limit"
    return el(
        "g", text(4, y + 12, name, class_="label"), box(118, y, wide, 14, tone, rx=2),
        text(118 + wide + 5, y + 12, f"{count}", class_="label"),
    )  # fmt: skip


def _curves(subject: Subject, card: Card, took: Resources) -> Html:
    """Warps resident on an SM for other registers, block sizes and bytes of shared memory."""
    threads, holds = subject.threads, card.blocks_per_sm

    def warps(size: int, registers: int, shared: int) -> int:
        return holds(size, registers, shared) * -(-size // 32)

    most = _most_shared(card, took)
    shared = [most * step // 64 for step in range(65)]
    plots: Sequence[tuple[str, Sequence[int], int, Callable[[int], int]]] = (
        ("registers / thread", REGISTERS, took.registers, lambda x: warps(threads, x, took.shared_bytes)),
        ("threads / block", BLOCKS, threads, lambda x: warps(x, took.registers, took.shared_bytes)),
        ("shared bytes", shared, took.shared_bytes, lambda x: warps(threads, took.registers, x)),
    )
    drawn = [_curve(place, card, *plot) for place, plot in enumerate(plots)]
    return chart(WIDTH, _PLOT_HEIGHT + 40, "resident warps for other sizes", drawn)


def _most_shared(card: Card, took: Resources) -> int:
    """The bytes at which no block fits any more, to a sixteenth, or twice what is used."""
    most = 1 << 30
    while most > 1 and not card.blocks_per_sm(32, 1, most):
        most = most * 15 // 16
    return max(most, 2 * took.shared_bytes if took.shared_bytes < most else most)


def _curve(
    place: int, card: Card, name: str, places: Sequence[int], now: int, warps: Callable[[int], int]
) -> Iterator[Html]:
    left, wide, top, low = 8 + place * 134, 116, 22, _PLOT_HEIGHT
    first, last = places[0], max(places[-1], now)

    def x(value: int) -> float:
        return left + wide * (value - first) / (last - first)

    def y(count: int) -> float:
        return low - (low - top) * count / card.warps_per_sm

    path = [f"{x(places[0]):.1f},{y(warps(places[0])):.1f}"]
    for before, after in pairwise(places):
        path += [f"{x(after):.1f},{y(warps(before)):.1f}", f"{x(after):.1f},{y(warps(after)):.1f}"]
    yield line(left, low, left + wide, low, "axis-line")
    yield line(left, top, left + wide, top, "grid")
    yield el("polyline", points=" ".join(path), class_="curve")
    here = max(min(now, last), first)
    yield el("circle", cx=round(x(here), 1), cy=round(y(warps(now)), 1), r=4, class_="mark here")
    yield text(left, top - 8, f"{name}", class_="tick")
    yield text(left, low + 13, f"{first:,}", class_="tick")
    yield text(left + wide, low + 13, f"{last:,}", "end", "tick")
    yield text(left + wide / 2, low + 27, f"now {now:,}: {counted(warps(now), 'warp')}", "middle", "tick")
