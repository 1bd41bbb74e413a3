"""Two kernels side by side: the band is kept, counters have ratios, and the words say what explains it."""

from __future__ import annotations

import dataclasses
import io
import re

import pytest
from profiles import COUNTS, SOURCE, line, profile, step
from rich.console import Console

from kernelevo.diagnosis.subject import Profile
from kernelevo.errors import BadInput
from kernelevo.report_comparison import compare, comparison_json
from kernelevo.report_comparison_table import number, print_comparison, ratio
from kernelevo.report_page.comparison_view import comparison_page
from kernelevo.report_page.page import profile_page
from kernelevo.types import Check, Figure, SourceLine

LOAD = dataclasses.replace(line(2, 100), requests=100, thread_instructions=3200)
SCATTERED = (dataclasses.replace(LOAD, sectors=3200), line(7, 40, text="add.f32 %f1, %f1, %f1"))
DENSE = (
    dataclasses.replace(LOAD, sectors=400, source=SourceLine("f.cu", 3)), line(8, 40, text="add.f32 %f1, %f1, %f1"),
)  # fmt: skip


def of(time: float, lines: tuple, sectors: int, bounds: dict[str, float], text: str = SOURCE, **more) -> Profile:
    """A profile whose launch and case take `time` us, with these sectors of global loads and these bounds."""
    limiter = max(bounds, key=lambda name: bounds[name])
    figure = Figure(time, "us", more.pop("device", "virtual:h100"), "modelled")
    counts = {**COUNTS, "global_load_requests": 100, "global_load_sectors": sectors}
    made = dataclasses.replace(step(limiter, *lines, details={"bounds_us": bounds}), counts=counts, time=figure)
    found = profile(made, text=text, **more)
    case = dataclasses.replace(found.verdict.cases[0], time=figure, counters=counts, steps=(made,))
    verdict = dataclasses.replace(found.verdict, cases=(case,), score=figure, device=figure.device)
    return dataclasses.replace(found, verdict=verdict)


SLOW = of(10.5, SCATTERED, 3200, {"L1 sectors": 10.0, "issue": 2.0}, file="slow.cu")
FAST = of(2.5, DENSE, 400, {"issue": 2.0, "L1 sectors": 1.0}, text="zero\n" + SOURCE, file="fast.cu")


def shown(before: Profile, after: Profile, width: int = 150) -> str:
    console = Console(file=io.StringIO(), width=width, no_color=True, highlight=False)
    print_comparison(console, before, after, compare(before, after))
    return console.file.getvalue()


def test_the_faster_one_is_named_with_its_ratio_and_the_band() -> None:
    text = shown(SLOW, FAST)
    assert "A is slow.cu, B is fast.cu" in text
    assert "n=8: 10.5 -> 2.5 us, B is 4.20 times as fast as A (modelled, virtual:h100; band 25%)" in text
    assert "B is 4.20 times as slow as A" in shown(FAST, SLOW)


@pytest.mark.parametrize(
    ("time", "told_apart"), [(10.5, False), (8.5, False), (13.0, False), (8.3, True), (13.2, True)]
)
def test_inside_the_band_two_times_are_not_distinguishable(time: float, told_apart: bool) -> None:
    other = of(time, DENSE, 400, {"L1 sectors": 10.0})
    (case,) = compare(SLOW, other)
    assert case.distinguishable is told_apart
    assert ("not distinguishable: within the device's band of 25%" in shown(SLOW, other)) is not told_apart


def test_the_words_say_what_decided_what_moved_and_what_decides_now() -> None:
    text = shown(SLOW, FAST)
    assert "L1 sectors decided A: 10 of 10.5 us; now it needs 1 us (sectors per global request 32 -> 4" in text
    assert "B is bound by instruction issue: 2 of 2.5 us" in text
    assert "no longer: line 2: 32 sectors per load request where 4 would do" in text


def test_bounds_and_counters_stand_side_by_side_with_ratios() -> None:
    text = shown(SLOW, FAST)
    rows = {row.split("  ")[1].strip(): row.split() for row in text.splitlines() if row.startswith("  ")}
    assert rows["L1 sectors"][-3:] == ["10", "1", "0.100"]
    assert rows["sectors per global request"][-3:] == ["32", "4", "0.125"]
    assert rows["DRAM sectors"][-1] == "1.000" and "barriers" not in rows
    assert (number(1234567.0), number(0.25), ratio(0, 3), ratio(4, 1)) == ("1,234,567", "0.25", "-", "0.250")


def test_lines_that_stand_elsewhere_are_one_row_with_both_numbers() -> None:
    text = shown(SLOW, FAST).partition("source lines that moved most")[2]
    row = next(line for line in text.splitlines() if line.split()[-1:] == ["two"])
    assert row.split()[:3] == ["2", "3", "same"] and "3,200 -> 400" in row


def test_lines_of_neither_kernel_can_move_the_cursor() -> None:
    hostile = SOURCE.replace("two", "two \x1b[31m\u202e")
    text = shown(of(10.5, SCATTERED, 3200, {"L1 sectors": 10.0}, text=hostile), FAST)
    assert "two \\x1b[31m\\u202e" in text and not set(text) & {"\x1b", "\u202e"}


def test_the_data_holds_the_same() -> None:
    (case,) = comparison_json(compare(SLOW, FAST))["cases"]
    assert (case["before_us"], case["after_us"], case["distinguishable"]) == (10.5, 2.5, True)
    assert case["counters"]["sectors per global request"] == {"before": 32, "after": 4}
    assert case["bounds_us"]["L1 sectors"] == {"before": 10.0, "after": 1.0}
    (moved,) = [each for each in case["lines"] if each["text"] == "two"]
    assert (moved["kind"], moved["before"], moved["after"]) == ("same", 2, 3)
    assert moved["sectors"] == {"before": 3200, "after": 400}


def test_the_page_shows_both_kernels_and_escapes_both() -> None:
    evil = of(2.5, DENSE, 400, {"issue": 2.0}, text="<script>x</script>\n", file="<b>.cu")
    page = comparison_page(SLOW, evil, compare(SLOW, evil))
    assert "<script" not in page and "<b>.cu" not in page and "&lt;b&gt;.cu" in page
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) and "a1-1" in ids and "b1-1" in ids
    assert "B is 4.20 times as fast as A" in page and "3,200 → 400" not in page  # its text has no such line


def test_what_rests_on_a_sample_of_blocks_is_marked_everywhere() -> None:
    check = Check("sampled blocks", True, "L1 and latency of about 16 blocks")
    sampled = dataclasses.replace(FAST, verdict=dataclasses.replace(FAST.verdict, checks=(check,)))
    said = "SAMPLED: L1 and latency of about 16 blocks"
    assert said in shown(SLOW, sampled) and said in comparison_page(SLOW, sampled, compare(SLOW, sampled))
    assert said in profile_page(sampled)
    assert "SAMPLED" not in shown(SLOW, FAST) + comparison_page(SLOW, FAST, compare(SLOW, FAST)) + profile_page(FAST)


def test_times_of_two_devices_are_never_compared() -> None:
    with pytest.raises(BadInput, match="such times are not compared"):
        compare(SLOW, of(2.5, DENSE, 400, {"issue": 2.0}, device="virtual:a100"))


def test_two_kernels_need_a_case_in_common() -> None:
    verdict = dataclasses.replace(FAST.verdict, cases=(dataclasses.replace(FAST.verdict.cases[0], name="n=9"),))
    other = dataclasses.replace(FAST, verdict=verdict, subjects={"n=9": FAST.subjects["n=8"]})
    with pytest.raises(BadInput, match="no case in common"):
        compare(SLOW, other)
