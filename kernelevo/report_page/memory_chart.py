"""The way of a launch's accesses as a drawing: requests of warps, L1, L2 and DRAM, with bytes and rates of hits, and
shared memory beside them. Widths of arrows are in proportion to bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kernelevo.counting import counted
from kernelevo.diagnosis.access import SECTOR
from kernelevo.diagnosis.memory_rules import size_words
from kernelevo.diagnosis.traffic import Traffic, traffic
from kernelevo.report_page.axes import box, chart, text
from kernelevo.report_page.markup import Html, el

WIDTH, HEIGHT = 400, 300
_BOX, _GAP = 40, 42
_LEFT, _WIDE = 8, 216
_SHARED, _SHARED_WIDE = 252, 140
_THICKEST = 16


def memory_chart(counts: Mapping[str, int]) -> Html:
    """The drawing; arrows up are reads, arrows down are writes and atomics."""
    moved = traffic(counts)
    reads, writes = counts.get("global_load_sectors", 0), moved.global_sectors - counts.get("global_load_sectors", 0)
    flows = [
        (reads, writes),
        (moved.l2_read_sectors, moved.l2_write_sectors),
        (moved.dram_read_sectors, moved.dram_write_sectors),
    ]
    thickest = max(*(amount for flow in flows for amount in flow), moved.shared_bytes // SECTOR, 1)
    return chart(
        WIDTH, HEIGHT, "memory: bytes between warps, caches and DRAM",
        _boxes(moved), [_flow(place, *flow, thickest) for place, flow in enumerate(flows)],
        _shared(moved, thickest), _local(moved),
    )  # fmt: skip


def _top(place: int) -> float:
    return 6 + place * (_BOX + _GAP)


def _boxes(moved: Traffic) -> Iterator[Html]:
    yield box(_LEFT, _top(0), WIDTH - 2 * _LEFT, _BOX, "unit warps", rx=5)
    yield text(_LEFT + 10, _top(0) + 16, "warps", class_="unit-name")
    yield text(_LEFT + 10, _top(0) + 31, f"{moved.global_requests:,} global requests", class_="unit-note")
    names = (
        ("L1", _hits(moved.l1_hits, "of loads hit"), "level-l1"), ("L2", _hits(moved.l2_hits, "hit"), "level-l2"),
        ("DRAM", f"{size_words(moved.dram_bytes)} moved", "level-dram"),
    )  # fmt: skip
    for place, (name, note, level) in enumerate(names, 1):
        yield box(_LEFT, _top(place), _WIDE, _BOX, f"unit {level}", rx=5)
        yield text(_LEFT + 10, _top(place) + 25, name, class_="unit-name")
        yield text(_LEFT + _WIDE - 10, _top(place) + 25, note, "end", "unit-note")


def _hits(rate: float | None, of: str) -> str:
    return "" if rate is None else f"{rate:.0%} {of}"


def _flow(place: int, up: int, down: int, thickest: int) -> Html:
    """Reads on the left, writes on the right, between one box and the next."""
    high, low = _top(place) + _BOX, _top(place + 1)
    reads, writes = _LEFT + _WIDE * 0.14, _LEFT + _WIDE * 0.62
    return el(
        "g", _arrow(reads, low, high, up / thickest), _label(reads, (high + low) / 2, up, "read"),
        _arrow(writes, high, low, down / thickest), _label(writes, (high + low) / 2, down, "written"),
    )  # fmt: skip


def _label(x: float, y: float, sectors: int, verb: str) -> Html:
    beside = x + _THICKEST / 2 + 3
    return el(
        "g", text(beside, y - 1, size_words(SECTOR * sectors), class_="flow-size"),
        text(beside, y + 11, verb, class_="flow-verb"),
    )  # fmt: skip


def _arrow(x: float, tail: float, tip: float, share: float) -> Html | None:
    """None where nothing flows."""
    if not share:
        return None
    half, head = max(0.6, share * _THICKEST / 2), 9 if tip > tail else -9
    barb = half + 3.5
    base = tip - head
    points = [(x - half, tail), (x - half, base), (x - barb, base), (x, tip), (x + barb, base), (x + half, base),
              (x + half, tail)]  # fmt: skip
    return el("polygon", points=" ".join(f"{px:.1f},{py:.1f}" for px, py in points), class_="flow")


def _shared(moved: Traffic, thickest: int) -> Iterator[Html | None]:
    y = _top(1)
    used = moved.shared_requests > 0
    yield box(_SHARED, y, _SHARED_WIDE, _BOX, "unit level-shared" if used else "unit unused", rx=5)
    yield text(_SHARED + 10, y + 25, "shared memory", class_="unit-name" if used else "unit-note")
    if not used:
        yield text(_SHARED + 10, y + _BOX + 15, "not used", class_="unit-note")
        return
    each = moved.shared_wavefronts / moved.shared_requests
    x = _SHARED + 22
    share = moved.shared_bytes / SECTOR / thickest
    yield _arrow(x, y - _GAP, y, share)
    yield text(x + 14, y - _GAP / 2 - 1, f"{moved.shared_requests:,}", class_="flow-size")
    yield text(x + 14, y - _GAP / 2 + 11, "requests", class_="flow-verb")
    yield text(_SHARED + 10, y + _BOX + 15, counted(moved.shared_wavefronts, "wavefront"), class_="unit-note")
    yield text(_SHARED + 10, y + _BOX + 29, f"{each:.2f} per request", class_="unit-note")


def _local(moved: Traffic) -> Iterator[Html]:
    if moved.local_sectors:
        yield text(_SHARED + 10, _top(2) + 16, "local memory", class_="unit-note")
        yield text(_SHARED + 10, _top(2) + 30, f"{size_words(SECTOR * moved.local_sectors)}", class_="unit-note")
