"""What an instruction's text says of the memory it moves."""

from __future__ import annotations

import pytest
from made_subjects import line

from kernelevo.diagnosis.access import Access, access, least_sectors, least_wavefronts, opcode

MOVES = [
    ("ld.global.f32 %f1, [%rd20+-4]", Access("load", "global", 4, "%rd20")),
    ("@%p7 st.global.b32 [ %rd9 + 0 ], { %r38 }", Access("store", "global", 4, "%rd9")),
    ("@!%p1 ld.global.nc.L1::no_allocate.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1]", Access("load", "global", 16, "%rd1")),
    ("ld.global.v2.f64 {%fd1, %fd2}, [%rd1];", Access("load", "global", 16, "%rd1")),
    ("ld.global.u8 %rs1, [%rd1]", Access("load", "global", 1, "%rd1")),
    ("ld.f32 %f1, [%rd1]", Access("load", "global", 4, "%rd1")),
    ("st.shared.f32 [_ZZ1kvE4tile+128], %f1", Access("store", "shared", 4, "_ZZ1kvE4tile")),
    ("ld.shared::cta.b16 %rs1, [%r1]", Access("load", "shared", 2, "%r1")),
    ("ld.shared.v4.bf16x2 {%r1, %r2, %r3, %r4}, [%r5]", Access("load", "shared", 16, "%r5")),
    ("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r1, %r2, %r3, %r4}, [%r5]", Access("load", "shared", 16, "%r5")),
    ("st.local.b64 [%SPL+8], %rd1", Access("store", "local", 8, "%SPL")),
    ("atom.global.add.f32 %f1, [%rd1], %f2", Access("atomic", "global", 4, "%rd1")),
    ("red.shared.add.u32 [%r1], 1", Access("atomic", "shared", 4, "%r1")),
    ("cp.async.cg.shared.global [%r1+16], [%rd2+64], 16;", Access("copy", "global", 16, "%rd2")),
]


@pytest.mark.parametrize(("instruction", "moved"), MOVES, ids=[text for text, _ in MOVES])
def test_the_text_of_an_access_says_what_it_moves(instruction: str, moved: Access) -> None:
    assert access(instruction) == moved


@pytest.mark.parametrize(
    "instruction",
    ["add.s32 %r1, %r2, %r3", "ld.param.u64 %rd1, [k_param_0]", "ld.const.f32 %f1, [c]", "bar.sync 0", "ret", "",
     "cp.async.wait_group 0", "cvta.to.global.u64 %rd1, %rd2", "cp.async.bulk.commit_group"],
)  # fmt: skip
def test_what_is_no_access_is_none(instruction: str) -> None:
    assert access(instruction) is None


def test_the_guard_is_no_part_of_the_opcode() -> None:
    assert opcode("@%p1 bra.uni $L__BB0_2") == ("bra", "uni")
    assert opcode("@!predicate ld.global.f32 %f1, [%rd1]") == ("ld", "global", "f32")
    assert opcode("$L__BB0_2:") == ()


@pytest.mark.parametrize(
    ("instruction", "sectors", "least"),
    [
        ("ld.global.f32 %f1, [%rd1]", 3200, 400),  # 32 lanes x 4 bytes are 4 sectors, a hundred times
        ("ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1]", 1600, 1600),  # 512 bytes are 16
        ("ld.global.u8 %rs1, [%rd1]", 100, 100),  # one sector is the least a request takes
        ("ld.global.f32 %f1, [%rd1]", 100, 100),  # all lanes read one word: less than their bytes
        ("wmma.load.a.sync.aligned.row.m16n16k16.global.f16 {%r1}, [%rd1]", 700, 700),  # unread: nothing is claimed
    ],
)
def test_the_least_sectors_are_those_of_neighbours(instruction: str, sectors: int, least: int) -> None:
    moved = access(instruction) or Access("load", "global", 0, "")
    assert least_sectors(line(1, instruction, 100, sectors=sectors), moved) == least


def test_half_a_warp_needs_half_the_sectors() -> None:
    dense = line(1, "ld.global.f32 %f1, [%rd1]", 100, sectors=1600, threads=1600)
    assert least_sectors(dense, access(dense.instruction)) == 200


def test_the_least_wavefronts_are_those_without_conflicts() -> None:
    column = line(1, "ld.shared.f32 %f1, [%r1]", 100, wavefronts=3200)
    vectors = line(1, "ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%r1]", 100, wavefronts=800)
    assert least_wavefronts(column, access(column.instruction)) == 100
    assert least_wavefronts(vectors, access(vectors.instruction)) == 400
