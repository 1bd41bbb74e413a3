"""Bytes between neighbouring lanes, followed through PTX; a claim only where it is known and the counts agree."""

from __future__ import annotations

import pytest

from kernelevo.diagnosis.access import access
from kernelevo.diagnosis.strides import explains_sectors, explains_wavefronts, lane_steps, special_sizes
from kernelevo.types import LineCounts, SourceLine

ROWS = """
ld.param.u64 %rd1, [k_param_0]
ld.param.u32 %r1, [k_param_1]
mov.u32 %r2, %ctaid.x
mov.u32 %r3, %ntid.x
mov.u32 %r4, %tid.x
mad.lo.s32 %r5, %r2, %r3, %r4
cvta.to.global.u64 %rd2, %rd1
"""
READ = "add.s64 %rd4, %rd2, %rd3\nld.global.f32 %f1, [%rd4]"


def steps(text: str, arguments: tuple[int | None, ...] = (None, 1000)) -> list[int | None]:
    """The step of each access of the program, in order; None where it is unknown."""
    program = [
        LineCounts(SourceLine("k.cu", 1), place, text, 1, 32, 0, 0, 0, 0)
        for place, text in enumerate((ROWS + text).strip().splitlines())
    ]
    found = lane_steps(program, arguments, special_sizes((128, 1, 1), (4, 1, 1)))
    return [found.get(each.ptx_line) for each in program if access(each.instruction)]


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("mul.wide.s32 %rd3, %r5, 4\nadd.s64 %rd4, %rd2, %rd3\nld.global.f32 %f1, [%rd4+8]", 4),
        ("mul.lo.s32 %r6, %r5, %r1\nmul.wide.s32 %rd3, %r6, 4\n" + READ, 4000),
        ("shl.b32 %r6, %r5, 3\ncvt.u64.u32 %rd3, %r6\n" + READ, 8),
        ("mul.wide.s32 %rd3, %r5, 4\nsub.s64 %rd4, %rd2, %rd3\nld.global.f32 %f1, [%rd4]", -4),
        ("mul.wide.s32 %rd3, %r2, 4\n" + READ, 0),
        ("mov.u32 %r6, tile\nshl.b32 %r7, %r4, 7\nadd.s32 %r8, %r6, %r7\nld.shared.f32 %f1, [%r8]", 128),
        ("and.b32 %r6, %r4, 31\nmul.wide.u32 %rd3, %r6, 4\n" + READ, 4),
        ("shr.u32 %r6, %r4, 5\nmul.wide.u32 %rd3, %r6, 4\n" + READ, 0),
        ("mul.lo.s32 %r6, %r3, %r4\nmul.wide.u32 %rd3, %r6, 4\n" + READ, 512),
    ],
    ids=["dense", "rows", "shifted", "backwards", "broadcast", "shared column", "lane", "warp", "size of a block"],
)  # fmt: skip
def test_the_step_is_followed_through_arithmetic(text: str, step: int) -> None:
    assert steps(text) == [step]


def test_a_pointer_that_a_loop_moves_on_keeps_its_step() -> None:
    assert steps("mul.wide.s32 %rd3, %r5, 16\nadd.s64 %rd4, %rd2, %rd3\nld.global.f32 %f1, [%rd4]\n"
                 "add.s64 %rd4, %rd4, 64\n@%p1 bra $L1") == [16]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "mul.wide.s32 %rd3, %r5, 4\nadd.s64 %rd4, %rd2, %rd3\nld.global.u32 %r6, [%rd4]\nmul.wide.u32 %rd5, %r6, 4\n"
        "add.s64 %rd6, %rd2, %rd5\nld.global.f32 %f1, [%rd6]",  # an index that was loaded
        "and.b32 %r6, %r4, 3\nmul.wide.u32 %rd3, %r6, 4\n" + READ,
        "mul.lo.s32 %r6, %r4, %r4\nmul.wide.u32 %rd3, %r6, 4\n" + READ,
        "mov.u64 %rd4, %rd2\nmul.wide.s32 %rd3, %r5, 4\n@%p1 " + READ,
        "shfl.sync.idx.b32 %r6, %r4, 0, 31, -1\nmul.wide.u32 %rd3, %r6, 4\nadd.s64 %rd4, %rd2, %rd3\n"
        "ld.global.f32 %f1, [%rd4]",
        "mov.b64 {%r6, %r7}, %rd9\nmad.lo.s32 %r8, %r4, 4, %r6\nld.shared.f32 %f1, [%r8]",
    ],
    ids=["gather", "every fourth lane", "square", "two definitions", "shuffle", "halves of what is unknown"],
)
def test_what_is_not_known_is_not_claimed(text: str) -> None:
    assert steps(text)[-1] is None


def test_a_parameter_that_is_not_known_leaves_the_step_open() -> None:
    text = "mul.lo.s32 %r6, %r5, %r1\nmul.wide.s32 %rd3, %r6, 4\n" + READ
    assert steps(text, (None, None)) == steps(text, ()) == [None]


@pytest.mark.parametrize(
    ("step", "width", "sectors", "agrees"),
    [(4, 4, 4, True), (4, 4, 4.9, True), (4, 4, 32, False), (4096, 4, 32, True), (4096, 4, 4, False), (8, 4, 8, True),
     (32, 4, 32, True), (0, 4, 1, True), (16, 16, 16, True), (16, 16, 32, False)],
)  # fmt: skip
def test_counted_sectors_confirm_or_refute_a_step(step: int, width: int, sectors: float, agrees: bool) -> None:
    assert explains_sectors(step, width, 32, sectors) is agrees


@pytest.mark.parametrize(
    ("step", "width", "wavefronts", "agrees"),
    [(128, 4, 32, True), (132, 4, 1, True), (8, 4, 2, True), (4, 4, 1, True), (4, 4, 2, False), (0, 4, 1, True),
     (16, 16, 4, True), (32, 16, 8, True), (6, 4, 1, False)],
)  # fmt: skip
def test_counted_wavefronts_confirm_or_refute_a_step(step: int, width: int, wavefronts: float, agrees: bool) -> None:
    assert explains_wavefronts(step, width, wavefronts) is agrees
