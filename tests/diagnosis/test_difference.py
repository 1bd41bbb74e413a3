"""Lines of two kernels: same, changed, moved, gone or new, and what each was counted with."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st
from made_subjects import DEVICE, line, subject

from kernelevo.diagnosis.difference import LinePair, align, line_changes, most_changed
from kernelevo.diagnosis.subject import Profile
from kernelevo.types import Check, Figure, LineCounts, Status, Verdict

LOAD = "ld.global.f32 %f1, [%rd1]"


def kinds(before: str, after: str) -> list[tuple[str, int | None, int | None]]:
    return [(pair.kind, pair.before, pair.after) for pair in align(before.split("\n"), after.split("\n"))]


def test_lines_are_matched_by_their_text_whatever_their_indentation() -> None:
    assert kinds("a = b;\nc = d;", "    a = b;\nnew line;\n  c = d;") == [
        ("same", 1, 1), ("new", None, 2), ("same", 2, 3),
    ]  # fmt: skip


def test_a_line_that_stands_elsewhere_has_moved() -> None:
    before = "load(tile);\nfirst(x);\nsecond(x);\nthird(x);"
    after = "first(x);\nsecond(x);\nthird(x);\nload(tile);"
    assert ("moved", 1, 4) in kinds(before, after)
    assert not [pair for pair in kinds(before, after) if pair[0] in ("gone", "new")]


def test_a_brace_that_stands_elsewhere_is_not_said_to_have_moved() -> None:
    assert "moved" not in {kind for kind, *_ in kinds("}\na(b);\nc(d);", "a(b);\nc(d);\n}")}


def test_a_replaced_line_that_is_alike_is_the_same_line_changed() -> None:
    before = "for (int i = 0; i < cols; i++) {\nsum += x[i];"
    after = "for (int i = threadIdx.x; i < cols; i += blockDim.x) {\nsum += x[i];"
    assert kinds(before, after) == [("changed", 1, 1), ("same", 2, 2)]


def test_a_replaced_line_that_is_not_alike_is_gone_and_another_is_new() -> None:
    assert kinds("return;\nend();", "__shared__ float tile[32][33];\nend();") == [
        ("new", None, 1), ("gone", 1, None), ("same", 2, 2),
    ]  # fmt: skip


TEXTS = st.lists(st.sampled_from(["a(1);", "b(2);", "c(3);", "{", "}", "", "a(2);", "x = y + z;"]), max_size=12)


@given(TEXTS, TEXTS)
def test_every_line_of_both_is_in_exactly_one_pair(before: list[str], after: list[str]) -> None:
    pairs = align(before, after)
    assert sorted(pair.before for pair in pairs if pair.before) == list(range(1, len(before) + 1))
    assert [pair.after for pair in pairs if pair.after] == list(range(1, len(after) + 1))
    for pair in pairs:
        assert (pair.before is None) == (pair.kind == "new") and (pair.after is None) == (pair.kind == "gone")
        if pair.kind in ("same", "moved"):
            assert before[pair.before - 1].strip() == after[pair.after - 1].strip()


def profile(text: str, *launches: list[LineCounts]) -> Profile:
    subjects = tuple(subject({"issue": 1.0}, *lines) for lines in launches)
    time = Figure(1.0, "us", DEVICE, "modelled")
    verdict = Verdict("c", DEVICE, Status.PASSED, "", time, (), (Check("outputs", True, ""),))
    return Profile("k.cu", text, verdict, {}, {"n=8": subjects}, 0.25)


ADD = line(3, "add.s32 %r1, %r1, 1", 7)
BEFORE = profile("first(x);\nload(y);\nstore(z);", [line(2, LOAD, 100, sectors=3200), ADD])
AFTER = profile("load(y);\nfirst(x);\nwarp(w);", [line(1, LOAD, 50, sectors=200)], [line(1, LOAD, 50, sectors=200),
                line(3, "shfl.sync.bfly.b32 %r1", 9), line(1, LOAD, 5, sectors=5, file="header.h")])  # fmt: skip


def test_counts_of_a_line_are_summed_over_launches_on_both_sides() -> None:
    changes = {change.text: change for change in line_changes(BEFORE, AFTER, "n=8")}
    assert changes["load(y);"].counts("sectors") == (3200, 400)  # without the header's
    assert changes["load(y);"].counts("warp_instructions") == (100, 100)
    assert changes["warp(w);"].counts("warp_instructions") == (0, 9)
    assert changes["store(z);"].pair == LinePair("gone", 3, None) and changes["store(z);"].after is None
    assert "first(x);" not in changes


def test_the_lines_that_moved_most_come_first_by_what_matters() -> None:
    changes = line_changes(BEFORE, AFTER, "n=8")
    by_sectors = most_changed(changes, {"sectors": 1.0, "warp_instructions": 0.0}, 9)
    assert [change.text for change in by_sectors] == ["load(y);"]
    by_instructions = most_changed(changes, {"sectors": 0.0, "warp_instructions": 1.0}, 1)
    assert [change.text for change in by_instructions] == ["warp(w);"]
    assert most_changed(line_changes(BEFORE, dataclasses.replace(BEFORE), "n=8"), {"sectors": 1.0}, 9) == []
