"""What `profile` shows a person of a launch: its diagnosis, its figures, and its source with exact counts."""

from __future__ import annotations

import dataclasses
import io

import pytest
from profiles import COUNTS, DEVICE, SOURCE, line, profile, step
from rich.console import Console

from kernelevo.answer import Floor
from kernelevo.diagnosis.subject import Profile, Resources
from kernelevo.report_page.page import profile_page
from kernelevo.report_profile import print_profile
from kernelevo.report_profile_json import profile_json
from kernelevo.report_profile_source import surroundings
from kernelevo.report_profile_words import amount_words, machine_code_words
from kernelevo.types import Figure, StepReport


def shown(of: Profile, width: int = 140, ptx: bool = False, terminal: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, no_color=True, highlight=False)
    print_profile(console, of, ptx)
    return console.file.getvalue()


def row(text: str, number: str) -> str:
    """The row of the annotated source that begins with this line number."""
    table = text.partition("source, hot by")[2]
    return next(line for line in table.splitlines() if line.split()[:1] == [number])


RESOURCES = Resources(40, 192, 8)
LINES = (line(2, 8, 64, text="ld.global.f32 %f1, [%rd1]", ptx_line=31), line(7, 4, wavefronts=8, ptx_line=40))


def test_a_launch_is_described_by_its_size_bounds_registers_and_efficiency() -> None:
    text = shown(profile(step("latency", *LINES), {"n=8": Floor(2.0, "at least 1 byte")}))
    assert "launch of f<2>, grid 4, block 16 x 2: 2.5 us; bound by latency; occupancy 50% where blocks run" in text
    assert "40 registers, 8 bytes spilled; 192 bytes of shared memory" in text
    assert "4 of the 8 blocks that fit the GPU at once (0.5 waves)" in text
    assert "8.0 of 32 lanes active; fp32 67%, control 33%; 2 of 8 branches diverge" in text
    assert "1.25 times the floor of 2 us (at least 1 byte)" in text and f"(modelled, {DEVICE})" in text
    assert next(row for row in text.splitlines() if "global loads" in row).split()[-1] == "32.00"


def test_every_statement_of_the_diagnosis_stands_above_its_advice_and_its_counts() -> None:
    lines = shown(profile(step("latency", *LINES))).splitlines()
    spills = next(place for place, line in enumerate(lines) if ". spills: 8 bytes of each thread" in line)
    assert lines[spills + 1].strip().startswith("helps: use fewer values at a time")
    assert lines[spills + 2].strip() == "counts: spill bytes 8, local sectors 0, registers 40"
    first = next(line for line in lines if line.startswith("    1."))
    assert "bound by latency" in first


def test_bounds_are_bars_largest_first_and_zeros_are_left_out() -> None:
    text = shown(profile(step("latency", *LINES)))
    bars = {line.rsplit("  ", 2)[0].strip(): line.count("█") for line in text.splitlines() if "█" in line}
    assert list(bars.values()) == [30, 22, 15, 8] and list(bars)[-1] == "launch overhead" and "FP64" not in text


def test_where_launching_takes_longest_every_report_says_so() -> None:
    launching = step("launch", *LINES, details={"launch_us": 9.0})
    found = profile(dataclasses.replace(launching, time=Figure(11.0, "us", DEVICE, "modelled")))
    text, data, page = shown(found), profile_json(found), profile_page(found)
    assert "11 us; bound by launch overhead" in text and "1. bound by launch overhead: 9 of 11 us; next is la" in text
    of_step = data["cases"][0]["steps"][0]
    assert data["cases"][0]["limiter"] == of_step["limiter"] == next(iter(data["cases"][0]["bounds_us"])) == "launch"
    assert of_step["diagnosis"][0]["what"].startswith("bound by launch overhead")
    assert "<dt>bound by</dt><dd>launch overhead" in page and page.count("ound by launch overhead") >= 1
    # What lines are judged by stays the kernel's own: latency decides there, and L1 comes next.
    assert "source, hot by sectors" in text


def test_what_is_spilled_has_a_row_of_its_own_because_no_line_has_it() -> None:
    of = profile(step("L1 sectors", *LINES, details={"spill_sectors": 64}))
    text, page = shown(of), profile_page(of)
    (in_table,) = [each for each in text.partition("source, hot by")[2].splitlines() if "(spills: " in each]
    said = "8 bytes a thread, 64 sectors charged"
    # Half of the sectors are those of line 2, half are spilled.
    assert said in in_table and in_table.split()[:2] == ["-", "50.0%"] and row(text, "2").split()[1] == "50.0%"
    assert f"  spills: {said}; they belong to no source line\n" in text and f"<i>(spills: {said})</i>" in page
    assert profile_json(of)["cases"][0]["steps"][0]["spills"] == {"bytes_of_a_thread": 8, "sectors": 64}


def test_without_spills_nothing_is_said_of_them() -> None:
    of = profile(step("L1 sectors", *LINES))
    none = dataclasses.replace(of.subjects["n=8"][0], resources=dataclasses.replace(RESOURCES, spill_bytes=0))
    of = dataclasses.replace(of, subjects={"n=8": (none,)})
    assert "spills:" not in shown(of) and "(spills" not in profile_page(of)
    assert profile_json(of)["cases"][0]["steps"][0]["spills"] is None


def test_traffic_occupancy_and_roofline_are_said_in_a_line_each() -> None:
    text = shown(profile(step("latency", *LINES)))
    assert "memory: L1 2.05 KB (50% of loads hit) -> L2 1.02 KB (50% hit) -> DRAM 512 bytes" in text
    assert "occupancy: 32 blocks of 1 warp fit an SM (50% of its warps); in this launch 1 of 64 warps" in text
    assert "to lift it: with" not in text  # it has shared memory, and 32 blocks are the most there are
    assert "roofline: 12 warp instructions in 2 us" in text


def test_hot_lines_stand_among_their_neighbours_in_the_order_of_the_file() -> None:
    text = shown(profile(step("L1 sectors", *LINES), text="\n".join(f"line {n}" for n in range(1, 30))))
    table = text.partition("source, hot by sectors")[2].splitlines()
    numbers = [line.split()[0] for line in table if line.split() and line.split()[0].rstrip(".").isdigit()]
    assert numbers == [*map(str, range(1, 10))]
    assert row(text, "2").split() == ["2", "100.0%", "66.7%", "8", "2", "32.0", "8.0", "line", "2"]
    assert row(text, "7").split() == ["7", "33.3%", "4", "2", "4.0", "8.0", "line", "7"]
    assert row(text, "3").split() == ["3", "line", "3"]


def test_a_gap_of_the_source_is_marked() -> None:
    far = (line(2, 8, 64), line(25, 4, 64))
    text = shown(profile(step("L1 sectors", *far), text="\n".join(f"line {n}" for n in range(1, 30))))
    assert "..." in text and "line 23" in text and "line 12" not in text
    assert surroundings([2, 7], 30) == list(range(1, 10)) and surroundings([1, 8], 8) == [1, 2, 3, 6, 7, 8]


def test_ptx_stands_under_its_line_on_request_without_what_is_rare() -> None:
    rare = line(2, 0, text="mov.u32 %r9, %tid.x")
    report = step("L1 sectors", *LINES, rare)
    assert "ld.global.f32" not in shown(profile(report))
    text = shown(profile(report), ptx=True)
    assert next(row for row in text.splitlines() if "ld.global.f32 %f1, [%rd1]" in row).split()[:2] == ["ptx", "100.0%"]
    assert "mov.u32 %r9" not in text and "and 1 more, each executed less than 1% as often" in text


def test_lines_of_headers_and_lines_without_a_number_are_told_apart_from_the_kernels_own() -> None:
    text = shown(profile(step("L1 sectors", line(2, 1, 64), line(2, 9, 32, file="fp16.hpp"), line(0, 9, 16, file=""))))
    assert "fp16.hpp:2" in text and "(the compiler gave no source line)" in text
    assert row(text, "2").split()[1] == "57.1%"  # 64 of 112, without the header's


def test_in_a_narrow_terminal_line_numbers_shares_and_source_are_left() -> None:
    text = shown(profile(step("L1 sectors", *LINES)), width=60)
    assert "instructions" not in text.partition("hot by sectors")[2]
    assert row(text, "2").split()[:4] == ["2", "100.0%", "66.7%", "32.0"]
    table = text.partition("source, hot by")[2].splitlines()
    assert max(map(len, table)) <= 60


def test_at_a_terminal_sentences_are_folded_with_a_hanging_indent() -> None:
    text = shown(profile(step("latency", *LINES)), width=80, terminal=True)
    sentences = text.partition("each resource")[0].splitlines()
    assert max(len(line) for line in sentences if "[" not in line) <= 80
    assert "       helps:" in text


def test_confidence_and_machine_code_are_shown_where_the_device_says_them() -> None:
    details = {
        "confidence": "low", "confidence_reasons": ["few blocks were sampled"], "band": 2.0,
        "machine_code": {
            "source": "nvdisasm 13.5", "agreement": 0.83, "agreement_of_ptx": 0.5, "known": 1.0,
            "by_class": {"fp32": {"ptx": 9, "used": 8, "machine": 8}},
        },
    }  # fmt: skip
    text = shown(profile(step("latency", *LINES, details=details)))
    assert "confidence in the time: low, within a factor of 2 either way (few blocks were sampled)" in text
    assert "machine code (nvdisasm 13.5): agreement 0.83" in text
    assert "confidence" not in shown(profile(step("latency", *LINES)))


def test_what_merging_leaves_is_shown_where_the_device_counts_it() -> None:
    report = step("latency", *LINES)
    merged = {**COUNTS, "shared_load_requests_merged": 1, "shared_load_wavefronts_merged": 4}
    with_merging = StepReport(report.kernel, merged, report.lines, "", report.time, report.limiter, 0.5, report.details)
    table_row = next(row for row in shown(profile(with_merging)).splitlines() if "shared loads" in row)
    assert table_row.split()[-3:] == ["1", "/", "4"]
    assert "after merging" not in shown(profile(report))


def test_issue_slots_by_line_are_shown_where_the_device_gives_them() -> None:
    load, tile = LINES
    with_slots = (dataclasses.replace(load, kind="x", slots=3), dataclasses.replace(tile, kind="x", slots=2))
    text = shown(profile(step("L1 sectors", *with_slots)))
    assert row(text, "2").split()[1:4] == ["100.0%", "66.7%", "75.0%"] and "% issue" in text
    assert "% issue" not in shown(profile(step("L1 sectors", *LINES)))


def test_what_the_device_does_not_say_is_not_shown() -> None:
    bare = StepReport("_Z1gPf", {}, (), "", None, "", None)
    text = shown(profile(bare, name="_Z1gPf", card=None))
    assert "launch of _Z1gPf: not timed; bound by unknown" in text
    for word in ("floor", "occupancy", "roofline", "memory access", "source, hot", "L1"):
        assert word not in text


def test_a_step_that_clears_a_buffer_is_no_launch() -> None:
    bounds = {"bounds_us": {"DRAM bandwidth": 0.1}}
    cleared = dataclasses.replace(step("DRAM bandwidth"), kernel="zero out", details=bounds)
    text = shown(profile(cleared, name="zero out"))
    assert "\nzero out: 2.5 us" in text and "bound by launch overhead: 2.4 of 2.5 us" in text


def test_text_of_the_kernel_is_not_taken_for_markup() -> None:
    text = shown(profile(step("L1 sectors", line(1, 9, 64)), text="x[bold] = [/bold] y;\n", name="f[red]"))
    assert "x[bold] = [/bold] y;" in text and "launch of f[red]" in text


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0"), (999, "999"), (12_345, "12.3 k"), (9_999, "9,999"), (2.5e6, "2.5 M"), (3e12, "3 T")]
)
def test_amounts_are_said_to_three_digits(value: float, words: str) -> None:
    assert amount_words(value) == words


def test_the_source_has_the_lines_that_a_compiler_counts() -> None:
    assert profile(step("latency"), text="a\x0cb\r\nc").lines == ["a\x0cb", "c"]
    assert len(profile(step("latency"), text=SOURCE).lines) == 9


def test_the_machine_code_is_said_or_that_it_was_not_read() -> None:
    by_class = {"fp32": {"ptx": 4000, "used": 2500, "machine": 2500}, "control": {"ptx": 10, "used": 10, "machine": 10}}
    said = {"source": "nvdisasm 13.5", "agreement": 0.98, "agreement_of_ptx": 0.61, "known": 0.97, "by_class": by_class}
    (line,) = machine_code_words({"bounds_us": {}, "machine_code": said})
    assert "nvdisasm 13.5): agreement 0.98, 0.61 before correction; 97% of the instructions" in line
    assert "fp32 4,000 -> 2,500" in line
    (absent,) = machine_code_words({"bounds_us": {}})
    assert "machine code not read" in absent
    assert machine_code_words({}) == [], "a device that measures has nothing to model from"


def test_a_line_of_the_kernel_cannot_move_the_cursor() -> None:
    hostile = SOURCE.replace("two", "two \x1b[31m\x1b]0;title\x07 \u202e")
    text = shown(profile(step("latency", *LINES), text=hostile))
    assert row(text, "2").rstrip().endswith("two \\x1b[31m\\x1b]0;title\\x07 \\u202e")
    assert not set(text) & {"\x1b", "\x07", "\u202e"}
