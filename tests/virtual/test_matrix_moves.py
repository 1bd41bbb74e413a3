"""ldmatrix, stmatrix and movmatrix: which element goes where, checks, counts and initialisation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kernelevo.virtual import LaunchReport, Machine, Module

Array = np.ndarray[Any, Any]
ROWS = 64  # of 16 bytes in shared memory
SPACES = ["shared", "shared::cta", ""]
DENSE = list(range(32))
SCRAMBLED = [(7 * i + 3) % ROWS for i in range(32)]


@pytest.mark.parametrize("space", SPACES, ids=["shared", "shared-cta", "generic"])
@pytest.mark.parametrize("transposed", [False, True], ids=["rows", "trans"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_ldmatrix_gives_each_lane_its_two_elements(count: int, transposed: bool, space: str) -> None:
    pool = np.random.default_rng(count).integers(0, 1 << 16, (ROWS, 8), np.uint16)
    report, _, registers = _launch(_load(count, transposed, space), count, pool=pool, rows=SCRAMBLED)
    assert report.faults == (), report.faults
    expected = _fragments([pool[SCRAMBLED[8 * j : 8 * j + 8]] for j in range(count)], transposed)
    np.testing.assert_array_equal(registers[:count], expected)


@pytest.mark.parametrize("space", SPACES, ids=["shared", "shared-cta", "generic"])
@pytest.mark.parametrize("transposed", [False, True], ids=["rows", "trans"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_stmatrix_stores_what_ldmatrix_would_load_and_nothing_else(count: int, transposed: bool, space: str) -> None:
    rng = np.random.default_rng(count)
    matrices = rng.integers(0, 1 << 16, (count, 8, 8), np.uint16)
    pool = rng.integers(0, 1 << 16, (ROWS, 8), np.uint16)
    report, after, _ = _launch(
        _store(count, transposed, space), count, pool=pool, rows=SCRAMBLED, registers=_fragments(matrices, transposed)
    )
    assert report.faults == (), report.faults
    expected = pool.copy()
    for j, matrix in enumerate(matrices):
        expected[SCRAMBLED[8 * j : 8 * j + 8]] = matrix
    np.testing.assert_array_equal(after, expected)


@pytest.mark.parametrize("qualifiers", ["x2.trans.m8n8", "m8n8.trans.x2", "x2.m8n8.trans"])
def test_qualifiers_may_stand_in_another_order(qualifiers: str) -> None:
    pool = np.random.default_rng(4).integers(0, 1 << 16, (ROWS, 8), np.uint16)
    text = f"ldmatrix.sync.aligned.{qualifiers}.shared.b16 {{r0, r1}}, [at];\n"
    _, _, registers = _launch(text, 2, pool=pool, rows=SCRAMBLED)
    expected = _fragments([pool[SCRAMBLED[8 * j : 8 * j + 8]] for j in range(2)], transposed=True)
    np.testing.assert_array_equal(registers[:2], expected)


def test_movmatrix_transposes_across_the_warp() -> None:
    matrix = np.random.default_rng(1).integers(0, 1 << 16, (8, 8), np.uint16)
    given = _fragments([matrix], transposed=False)
    _, _, registers = _launch("movmatrix.sync.aligned.m8n8.trans.b16 r0, r0;", 1, registers=given)
    np.testing.assert_array_equal(registers[:1], _fragments([matrix.T], transposed=False))


@pytest.mark.parametrize("guarded", ["ldmatrix", "stmatrix", "movmatrix"])
def test_a_matrix_move_that_some_lanes_do_not_execute_is_a_fault(guarded: str) -> None:
    moves = {"ldmatrix": _load(1), "stmatrix": _store(1), "movmatrix": "movmatrix.sync.aligned.m8n8.trans.b16 r0, r1;"}
    report, _, _ = _launch("setp.gt.u32 p, lane, 0;\n@!p bra END;\n" + moves[guarded], 1)
    assert [(fault.kind, fault.instruction.split(".")[0]) for fault in report.faults] == [("absent_lane", guarded)]


@pytest.mark.parametrize("move", ["load", "store"])
@pytest.mark.parametrize(("offset", "kind"), [(8, "misaligned"), (16 * ROWS, "out_of_bounds")])
def test_each_row_is_checked_like_an_access_of_16_bytes(move: str, offset: int, kind: str) -> None:
    text = f"setp.eq.u32 p, lane, 6;\n@p add.u32 at, at, {offset};\n" + (_load(1) if move == "load" else _store(1))
    fault = _launch(text, 1)[0].faults[0]
    assert (fault.kind, fault.bytes, fault.thread[0], fault.space) == (kind, 16, 6, "shared")


def test_addresses_of_lanes_beyond_the_matrices_do_not_matter() -> None:
    text = "setp.ge.u32 p, lane, 8;\n@p mov.u32 at, 0xfffffff3;\n" + _load(1)
    assert _launch(text, 1)[0].faults == ()


def test_a_generic_address_outside_shared_memory_is_out_of_bounds() -> None:
    text = "setp.eq.u32 p, lane, 2;\n@p mov.u64 generic, 4096;\n" + _load(1, space="")
    assert [fault.kind for fault in _launch(text, 1)[0].faults] == ["out_of_bounds"]


@pytest.mark.parametrize(
    ("count", "rows", "wavefronts"),
    [(4, DENSE, 4), (2, DENSE, 2), (1, DENSE, 1), (4, [8 * (i % 8) + i // 8 for i in range(32)], 32)],
    ids=["x4", "x2", "x1", "one bank group"],
)
def test_conflicts_between_rows_are_counted(count: int, rows: list[int], wavefronts: int) -> None:
    loads = _launch(_load(count), count, rows=rows)[0].counts
    stores = _launch(_store(count), count, rows=rows)[0].counts
    # The pool is filled by 8 stores and read back by 8 loads without conflicts.
    assert (loads["shared_load_requests"], loads["shared_load_wavefronts"]) == (8 + 1, 8 + wavefronts)
    assert (stores["shared_store_requests"], stores["shared_store_wavefronts"]) == (8 + 1, 8 + wavefronts)


@pytest.mark.parametrize(("transposed", "lane"), [(False, 4 * 5 + 3), (True, 4 * 6 + 2)])
def test_an_element_that_was_never_written_is_unknown_in_its_lane_only(transposed: bool, lane: int) -> None:
    """Row 5 lacks its elements 6 and 7, which lane 23 loads, or transposed lanes 26 and 30."""
    others = f"setp.eq.u32 p, lane, {lane};\n@p mov.b32 r0, 0;\n"
    if transposed:
        others += "setp.eq.u32 p, lane, 30;\n@p mov.b32 r0, 0;\n"
    decide = "popc.b32 r0, r0;\nsetp.eq.b32 p, r0, 1;\n@p bra END;\n"  # every bit of the register counts
    skip = (4 * 5 + 3) * 4  # the word of the pool that stays unwritten
    report, _, _ = _launch(_load(1, transposed) + decide, 1, skip=skip, track=True)
    assert [(fault.kind, fault.thread[0]) for fault in report.faults] == [("uninitialised_branch", lane)]
    assert _launch(_load(1, transposed) + others + decide, 1, skip=skip, track=True)[0].faults == ()


@pytest.mark.parametrize(("move", "unknown"), [("stmatrix", 9), ("movmatrix", 9)])
def test_an_unknown_register_stays_unknown_where_it_is_moved_to(move: str, unknown: int) -> None:
    """Lane 9 holds elements 2 and 3 of row 2: transposed, element 2 of rows 2 and 3, which lanes 9 and 13 hold."""
    first = f"setp.ne.u32 p, lane, {unknown};\n@p mov.b32 r4, 1;\n"
    moves = {
        "stmatrix": "stmatrix.sync.aligned.m8n8.x1.shared.b16 [at], {r4};\n"
        "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {r5}, [at];\n",
        "movmatrix": "movmatrix.sync.aligned.m8n8.trans.b16 r5, r4;\n",
    }
    decide = "popc.b32 r5, r5;\nsetp.eq.b32 p, r5, 7;\n@p bra END;\n"
    report, _, _ = _launch(first + moves[move] + decide, 1, track=True)
    assert [(fault.kind, fault.thread[0]) for fault in report.faults] == [("uninitialised_branch", 9)]
    known = "setp.eq.u32 p, lane, 9;\n@p mov.b32 r5, 1;\n"
    if move == "movmatrix":
        known += "setp.eq.u32 p, lane, 13;\n@p mov.b32 r5, 1;\n"
    assert _launch(first + moves[move] + known + decide, 1, track=True)[0].faults == ()


def _load(count: int, transposed: bool = False, space: str = "shared") -> str:
    return _move("ldmatrix", count, transposed, space) + f" {_registers(count)}, [{_base(space)}];\n"


def _store(count: int, transposed: bool = False, space: str = "shared") -> str:
    return _move("stmatrix", count, transposed, space) + f" [{_base(space)}], {_registers(count)};\n"


def _move(base: str, count: int, transposed: bool, space: str) -> str:
    return f"{base}.sync.aligned.m8n8.x{count}{'.trans' * transposed}{'.' * bool(space)}{space}.b16"


def _registers(count: int) -> str:
    return "{" + ", ".join(f"r{i}" for i in range(count)) + "}"


def _base(space: str) -> str:
    return "at" if space else "generic"


def _fragments(matrices: Any, transposed: bool) -> Array:
    """Register j of each lane: elements 2 (lane % 4) and the next of row lane / 4 of matrix j (or of its transpose)."""
    words = []
    for matrix in matrices:
        rows = (matrix.T if transposed else matrix).astype(np.uint32)
        words.append([rows[lane // 4, lane % 4 * 2] | rows[lane // 4, lane % 4 * 2 + 1] << 16 for lane in range(32)])
    return np.array(words, np.uint32)


def _launch(
    text: str,
    count: int,
    *,
    pool: Array | None = None,
    rows: list[int] = DENSE,
    registers: Array | None = None,
    skip: int = -1,
    track: bool = False,
) -> tuple[LaunchReport, Array, Array]:
    """Fills the pool and r0 .. r3, executes `text`, and returns the pool and the registers afterwards."""
    given = np.zeros((4, 32), np.uint32)
    if registers is not None:
        given[: len(registers)] = registers
    with Machine(Module(_ptx(text, skip)), memory_bytes=1 << 22) as machine:
        shared = machine.array(np.zeros((ROWS, 8), np.uint16) if pool is None else pool)
        held = machine.array(given)
        offsets = machine.array(np.array(rows, np.uint32) * 16)
        report = machine.launch(
            "move", grid=1, block=32, args=[shared, held, offsets], budget=1000, track_uninitialised=track
        )
        return report, shared.numpy(), held.numpy()


def _ptx(text: str, skip: int) -> str:
    """Thread t copies word t, t + 32 ... of the pool, but not the word at byte `skip`."""
    lines = [".version 8.0\n.target sm_90\n.address_size 64"]
    lines.append(".visible .entry move(.param .u64 pool, .param .u64 held, .param .u64 offsets)\n{")
    lines.append(f".shared .align 128 .b8 cells[{16 * ROWS}];\n.reg .pred p;\n.reg .b32 r<6>, lane, at, word, mine;")
    lines.append(".reg .b64 from, registers, generic, offset;\nmov.u32 lane, %tid.x;")
    for name, parameter in (("from", "pool"), ("registers", "held"), ("offset", "offsets")):
        lines.append(f"ld.param.u64 {name}, [{parameter}];\nmad.wide.u32 {name}, lane, 4, {name};")
    lines.append("mov.u32 mine, cells;\nmad.lo.u32 mine, lane, 4, mine;")
    for i in range(0, 16 * ROWS, 128):
        guard = f"setp.ne.u32 p, lane, {(skip - i) // 4};\n@p " if i <= skip < i + 128 else ""
        lines.append(f"ld.global.u32 word, [from+{i}];\n{guard}st.shared.u32 [mine+{i}], word;")
    lines += [f"ld.global.u32 r{i}, [registers+{128 * i}];" for i in range(4)]
    lines.append("ld.global.u32 at, [offset];\nmov.u32 word, cells;\nadd.u32 at, at, word;")
    lines.append("cvt.u64.u32 generic, at;\ncvta.shared.u64 generic, generic;\nbar.warp.sync 0xffffffff;\n" + text)
    lines.append("bar.warp.sync 0xffffffff;")
    for i in range(0, 16 * ROWS, 128):
        lines.append(f"ld.shared.u32 word, [mine+{i}];\nst.global.u32 [from+{i}], word;")
    lines += [f"st.global.u32 [registers+{128 * i}], r{i};" for i in range(4)]
    return "\n".join([*lines, "END:\nret;\n}\n"])
